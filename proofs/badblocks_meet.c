/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * badblocks_meet.c
 *
 * function: meet (change.c)
 * property: exactly the ranges that overlap, or also touch; the hull is theirs and the new range's
 * loops: bounded, up to 2 parts with 1 or 2 ranges each
 * unwind: 4
 * break: src/badblocks/change.c s/low = start - (touching/low = start - (false/
 * break: src/badblocks/change.c s/high = end + (touching/high = end + (!touching/
 * break: src/badblocks/change.c s/n < chunk->n \&\& chunk->ranges\[n\].start < offset/n < chunk->n/
 * break: src/badblocks/change.c s/met.right = last->n;/met.right = 0;/
 * break: src/badblocks/change.c s/first->ranges\[met.left\].start < start/false/
 * break: src/badblocks/change.c s/_of(directory, high - 1)/_of(directory, start)/
 */
#include "badblocks.h"

#include "../src/badblocks/change.c"

void proof(void)
{
	static struct mcsafe_badblocks badblocks;
	struct mcsafe_range wanted = any_range(0, SIZE_MAX), known;
	size_t start = wanted.start, end = end_of(wanted), part = nondet_size(), i = nondet_size();
	bool touching = nondet_bool(), is_met, is_member;
	struct mcsafe__directory *directory;
	struct meeting met;

	any_registry(&badblocks, 2, 2);
	directory = badblocks.directory;
	met = meet(&badblocks, start, end, touching);
	PROVE(met.first <= met.last && met.last < directory->n);
	PROVE(met.left <= directory->chunks[met.first]->n);
	PROVE(met.right <= directory->chunks[met.last]->n);
	PROVE(met.hull_start <= start && met.hull_end >= end);
	/* The parts that are replaced hold all of it. */
	PROVE(met.hull_start >= directory->from[met.first]);
	PROVE(met.last + 1 == directory->n || met.hull_end <= directory->from[met.last + 1]);

	SUPPOSE(part < directory->n && i < directory->chunks[part]->n);
	known = directory->chunks[part]->ranges[i];
	is_met = touching ? known.start <= end && end_of(known) >= start
			  : known.start < end && end_of(known) > start;
	is_member = !met.nothing && (part > met.first || (part == met.first && i >= met.left)) &&
		    (part < met.last || (part == met.last && i < met.right));
	PROVE(is_met == is_member);
	if (is_met) {
		PROVE(met.hull_start <= known.start && met.hull_end >= end_of(known));
		REACH();
	}
	/* The hull begins with the range or with the first one that is met. */
	if (met.hull_start < start)
		PROVE(directory->chunks[met.first]->ranges[met.left].start == met.hull_start);
	if (met.hull_end > end)
		PROVE(end_of(directory->chunks[met.last]->ranges[met.right - 1]) == met.hull_end);
	END();
}
