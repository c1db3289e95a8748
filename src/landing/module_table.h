/* SPDX-License-Identifier: BSD-3-Clause */
/* module_table.h - the rows of registered modules: read by the handler, changed outside it */
#ifndef MCSAFE_SRC_MODULE_TABLE_H
#define MCSAFE_SRC_MODULE_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mcsafe/extable.h>

/* A row with absolute addresses. */
struct mcsafe__module_row {
	_Atomic uintptr_t insn;
	_Atomic uintptr_t fixup;
	_Atomic uintptr_t kind;
};

/*
 * A place for one module. Its version is odd while the place is empty or changes. The rows ascend.
 * Memory that has held rows once stays mapped and never holds anything but rows. So a reader whose
 * module changes meanwhile reads wrong values at worst, and then finds that the version has
 * changed.
 */
struct mcsafe__module {
	_Atomic size_t version;
	struct mcsafe__module_row *_Atomic rows;
	_Atomic size_t n;
	_Atomic uintptr_t lowest, highest; /* of the instructions */
};

extern struct mcsafe__module mcsafe__modules[MCSAFE_MODULES_MAX];
extern _Atomic size_t mcsafe__modules_end; /* places from this one on were never used */

struct mcsafe__module_hit {
	uintptr_t fixup;
	unsigned kind;
};

/* Find the row of the instruction at ip in any module. AS-Safe: takes no lock and never waits. */
bool mcsafe__module_find(uintptr_t ip, struct mcsafe__module_hit *hit);

#endif /* MCSAFE_SRC_MODULE_TABLE_H */
