/* SPDX-License-Identifier: BSD-3-Clause */
/* extable.h - the landing table: which instructions may fault, and where their fixups are */
#ifndef MCSAFE_SRC_EXTABLE_H
#define MCSAFE_SRC_EXTABLE_H

#include <stdint.h>

#include <mcsafe/extable.h>

/* The macros of asm.h write the row of an access together with its instruction. */

static inline uintptr_t mcsafe__row_insn(const struct mcsafe_row *row)
{
	return (uintptr_t)&row->insn + (uintptr_t)(intptr_t)row->insn;
}

static inline uintptr_t mcsafe__row_fixup(const struct mcsafe_row *row)
{
	return (uintptr_t)&row->fixup + (uintptr_t)(intptr_t)row->fixup;
}

/* The row of the instruction at ip, or NULL. AS-Safe: no lock, no allocation, no TLS. */
const struct mcsafe_row *mcsafe__extable_find(uintptr_t ip);

/* The same, in the rows [first, end) only. They must ascend. */
const struct mcsafe_row *mcsafe__extable_search(const struct mcsafe_row *first,
						const struct mcsafe_row *end, uintptr_t ip);

/* The rows of this library: [*first, *end). */
void mcsafe__extable_own(const struct mcsafe_row **first, const struct mcsafe_row **end);

#endif /* MCSAFE_SRC_EXTABLE_H */
