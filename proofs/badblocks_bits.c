/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * badblocks_bits.c
 *
 * function: set_run (filter.c)
 * property: exactly the bits of the run are set, and no bit is cleared
 * loops: bounded, a filter of 256 bits; a run in it of any length
 * unwind: 6
 * break: src/badblocks/filter.c s/UINT64_MAX >> (64 - len) << bit % 64/UINT64_MAX >> (64 - len)/
 * break: src/badblocks/filter.c s/UINT64_MAX >> (64 - len) << bit/UINT64_MAX << bit/
 * break: src/badblocks/filter.c s/rest = 64 - bit % 64, len/rest = 64, len/
 * break: src/badblocks/filter.c s/		bit += len;/		bit += 64;/
 * break: src/badblocks/filter.c s/atomic_load_explicit(word, memory_order_relaxed) |/0 |/
 */
#include "badblocks.h"

#include "../src/badblocks/filter.c"

#define WORDS 4

void proof(void)
{
	struct mcsafe__filter *filter = malloc(sizeof(*filter) + WORDS * sizeof(filter->words[0]));
	size_t first = nondet_size(), n = nondet_size(), bit = nondet_size();
	bool before, after;

	SUPPOSE(filter != NULL && n <= 64 * WORDS && first <= 64 * WORDS - n && bit < 64 * WORDS);
	for (size_t i = 0; i < WORDS; i++)
		filter->words[i] = nondet_u64();
	before = (filter->words[bit / 64] >> bit % 64 & 1) != 0;
	set_run(filter, first, n);
	after = (filter->words[bit / 64] >> bit % 64 & 1) != 0;
	PROVE(after == (before || (bit >= first && bit - first < n)));
	END();
}
