/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * badblocks_split.c
 *
 * function: split (change.c), as clear() calls it
 * property: what stays is the hull before the cleared range, and after it, where there is any
 * loops: none
 * break: src/badblocks/change.c s/{end, met->hull_end - end}/{end, met->hull_end}/
 * break: src/badblocks/change.c s/met->hull_end > end)/met->hull_end >= end)/
 * break: src/badblocks/change.c s/met->hull_start < start)/met->hull_start <= start)/
 * break: src/badblocks/change.c s/start - met->hull_start}/start - met->hull_start + 1}/
 */
#include "badblocks.h"

#include "../src/badblocks/change.c"

void proof(void)
{
	struct meeting met; /* with any values */
	struct mcsafe_range stay[2];
	size_t start = nondet_size(), end = nondet_size(), n;
	bool before, after;

	SUPPOSE(start < end && met.hull_start <= start && met.hull_end >= end);
	before = met.hull_start != start;
	after = met.hull_end != end;
	n = split(&met, start, end, stay);
	PROVE(n == (size_t)before + after);
	if (before)
		PROVE(stay[0].start == met.hull_start && stay[0].len == start - met.hull_start);
	if (after)
		PROVE(stay[n - 1].start == end && stay[n - 1].len == met.hull_end - end);
	END();
}
