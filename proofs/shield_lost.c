/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shield_lost.c
 *
 * function: mcsafe_shield_next (lost.c)
 * property: lost pages are joined: no range is too long or too short, no page is left out
 * loops: bounded, up to 130 pages in 3 words, any bits
 * unwind: 5
 * break: src/shield/lost.c s/mask \& ~(UINT64/mask \& (UINT64/
 * break: src/shield/lost.c s/first >= n)/first > n)/
 * break: src/shield/lost.c s/(page | (BITS - 1)) + 1/(page | (BITS - 1)) + 2/
 * break: src/shield/lost.c s/first + 1, n, UINT64_MAX/first, n, 0/
 * break: src/shield/lost.c s/(end - first) \* MCSAFE__PAGE}/(end - first + 1) * MCSAFE__PAGE}/
 * break: src/shield/lost.c s/bits \&= ~atomic_load/bits \&= atomic_load/
 */
#include "proof.h"

#include "../src/shield/lost.c"

#define PAGES 130
#define WORDS 3

static _Atomic uint64_t stand_ins[WORDS], carried[WORDS];

static bool is_lost(size_t page, bool has_carried)
{
	return (stand_ins[page / 64] >> page % 64 & 1) != 0 &&
	       !(has_carried && (carried[page / 64] >> page % 64 & 1) != 0);
}

void proof(void)
{
	struct mcsafe_shield shield = {.pages = stand_ins};
	struct mcsafe_range range;
	size_t start = nondet_size(), page = nondet_size(), n = nondet_size(), first, end;
	bool has_carried = nondet_bool();

	SUPPOSE(n <= PAGES && page < n && start <= n * MCSAFE__PAGE);
	shield.start = 0;
	shield.end = n * MCSAFE__PAGE;
	if (has_carried)
		shield.carried_pages = carried;
	for (size_t i = 0; i < WORDS; i++) {
		stand_ins[i] = nondet_u64();
		carried[i] = nondet_u64();
	}
	if (mcsafe_shield_next(&shield, start, &range)) {
		first = range.start / MCSAFE__PAGE;
		end = first + range.len / MCSAFE__PAGE;
		PROVE(range.start % MCSAFE__PAGE == 0 && range.len % MCSAFE__PAGE == 0);
		PROVE(first >= start / MCSAFE__PAGE && first < end && end <= n);
		/* Of any page: */
		if (page >= start / MCSAFE__PAGE && page < first)
			PROVE(!is_lost(page, has_carried));
		if (page >= first && page < end)
			PROVE(is_lost(page, has_carried));
		if (page == end)
			PROVE(!is_lost(page, has_carried));
	} else if (page >= start / MCSAFE__PAGE) {
		PROVE(!is_lost(page, has_carried));
	}
	END();
}
