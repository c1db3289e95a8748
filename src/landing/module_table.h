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

	/* What the place belongs to; for module.c, under the lock. */
	const struct mcsafe_row *first; /* NULL: the place is free */
	void *pin;                      /* of dlopen(3), or NULL */
};

#define MCSAFE__MODULES_IN_BLOCK 64

/* There are as many blocks as needed. A block stays once it is linked, because a handler may be
 * reading it. */
struct mcsafe__module_block {
	struct mcsafe__module modules[MCSAFE__MODULES_IN_BLOCK];
	struct mcsafe__module_block *_Atomic next;
};

extern struct mcsafe__module_block mcsafe__modules;
extern _Atomic size_t mcsafe__modules_end; /* the number of places that were ever used: the first */

struct mcsafe__module_hit {
	uintptr_t fixup;
	unsigned kind;
};

/* Find the row of the instruction at ip in any module. AS-Safe: takes no lock and never waits. */
bool mcsafe__module_find(uintptr_t ip, struct mcsafe__module_hit *hit);

#endif /* MCSAFE_SRC_MODULE_TABLE_H */
