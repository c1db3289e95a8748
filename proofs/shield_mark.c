/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shield_mark.c
 *
 * function: mcsafe__shield_mark, mcsafe__shield_unmark, mcsafe__shield_is_marked
 * property: exactly the pages of the range are changed
 * loops: bounded, up to 130 pages in 3 words, any bits before
 * unwind: 5
 * break: src/shield/lost.c s/first % BITS;/first % BITS << 1;/
 * break: src/shield/lost.c s/end > last ? mask/end >= last ? mask/
 * break: src/shield/lost.c s/(page | (BITS - 1)) + 1/page + BITS/
 * break: src/shield/lost.c s/BITS\], ~mask_of(page/BITS], mask_of(page/
 */
#include "proof.h"

#include "../src/shield/lost.c"

#define PAGES 130
#define WORDS 3

static _Atomic uint64_t stand_ins[WORDS];

void proof(void)
{
	struct mcsafe_shield shield = {.pages = stand_ins};
	size_t first = nondet_size(), end = nondet_size(), page = nondet_size();
	bool was, marks = nondet_bool();

	SUPPOSE(first <= end && end <= PAGES && page < PAGES);
	shield.start = 0;
	for (size_t i = 0; i < WORDS; i++)
		stand_ins[i] = nondet_u64();
	was = mcsafe__shield_is_marked(&shield, page * MCSAFE__PAGE);
	if (marks)
		mcsafe__shield_mark(&shield, first * MCSAFE__PAGE, end * MCSAFE__PAGE);
	else
		mcsafe__shield_unmark(&shield, first * MCSAFE__PAGE, end * MCSAFE__PAGE);
	PROVE(mcsafe__shield_is_marked(&shield, page * MCSAFE__PAGE) ==
	      (page >= first && page < end ? marks : was));
	END();
}
