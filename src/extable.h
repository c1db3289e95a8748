/* SPDX-License-Identifier: BSD-3-Clause */
/* extable.h - the landing table: which instructions may fault, and where they go on */
#ifndef MCSAFE_SRC_EXTABLE_H
#define MCSAFE_SRC_EXTABLE_H

#include <stdint.h>

/*
 * One row for each access that may legitimately fault, written by the LOAD and STORE macros of
 * asm.h on the line of the access. Offsets are relative to the field that holds them, so the
 * table needs no relocation and lives in read-only memory.
 */
struct mcsafe__row {
	int32_t insn;
	int32_t fixup;
	uint32_t kind; /* MCSAFE_ROW_* */
};

static inline uintptr_t mcsafe__row_insn(const struct mcsafe__row *row)
{
	return (uintptr_t)&row->insn + (uintptr_t)(intptr_t)row->insn;
}

static inline uintptr_t mcsafe__row_fixup(const struct mcsafe__row *row)
{
	return (uintptr_t)&row->fixup + (uintptr_t)(intptr_t)row->fixup;
}

/* The row of the instruction at ip, or NULL. AS-Safe: no lock, no allocation, no TLS. */
const struct mcsafe__row *mcsafe__extable_find(uintptr_t ip);

/* The search behind it, over the rows [first, end), which must ascend. */
const struct mcsafe__row *mcsafe__extable_search(const struct mcsafe__row *first,
						 const struct mcsafe__row *end, uintptr_t ip);

/* The rows of this library: [*first, *end). */
void mcsafe__extable_own(const struct mcsafe__row **first, const struct mcsafe__row **end);

#endif /* MCSAFE_SRC_EXTABLE_H */
