/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * badblocks_merge.c
 *
 * function: append (change.c), as sort_and_merge() and unite() call it
 * property: one range more: the list stays sorted and disjoint, and covers what both covered
 * loops: none; a list of any length, by induction over its last range
 * unwind: 3
 * break: src/badblocks/change.c s/start > end_of(list/start >= end_of(list/
 * break: src/badblocks/change.c s/if (end_of(range) > end_of(list\[n - 1\]))/if (true)/
 * break: src/badblocks/change.c s/end_of(range) - list\[n - 1\].start/end_of(range) - range.start/
 * break: src/badblocks/change.c s/n == 0 || range.start/n <= 1 || range.start/
 */
#include "badblocks.h"

#include "../src/badblocks/change.c"

void proof(void)
{
	struct mcsafe_range list[3], last, range;
	size_t n = nondet_size(), after;

	/* What is before the last range is not looked at. */
	SUPPOSE(n <= 2);
	for (size_t i = 0; i < 2; i++)
		list[i] = any_range(0, SIZE_MAX);
	last = list[n == 2];
	range = any_range(0, SIZE_MAX);
	if (n != 0)
		SUPPOSE(range.start >= last.start);
	after = append(list, n, range);
	if (n == 0 || range.start > end_of(last)) {
		/* They do not touch. */
		PROVE(after == n + 1);
		PROVE(list[n].start == range.start && list[n].len == range.len);
		PROVE(n == 0 || (list[n - 1].start == last.start && list[n - 1].len == last.len));
	} else {
		size_t end = end_of(last) > end_of(range) ? end_of(last) : end_of(range);

		PROVE(after == n);
		PROVE(list[n - 1].start == last.start && list[n - 1].len == end - last.start);
	}
	END();
}
