/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * badblocks_meet.c
 *
 * function: meet (change.c), as add() and clear() call it
 * property: what is met is exactly what overlaps or touches; the hull is the smallest
 * loops: bounded, 2 parts of up to 2 ranges
 * unwind: 5
 * break: src/badblocks/change.c s/\[n\].start < offset/[n].start <= offset/
 * break: src/badblocks/change.c s/(touching && start != 0)/(touching \&\& start > 1)/
 * break: src/badblocks/change.c s/\[met.left\].start < start/[met.left].start > start/
 * break: src/badblocks/change.c s/\[met.right - 1\]) > end/[met.right - 1]) < end/
 * break: src/badblocks/change.c s/met.right = last->n;/met.right = last->n - 1;/
 */
#include "badblocks.h"

#include "../src/badblocks/change.c"

#define PARTS  2
#define RANGES 2

static struct mcsafe_badblocks registry;

static struct mcsafe_range first_met(struct mcsafe__directory *directory, const struct meeting *met)
{
	bool is_next = met->left == directory->chunks[met->first]->n;

	return directory->chunks[met->first + is_next]->ranges[is_next ? 0 : met->left];
}

static struct mcsafe_range last_met(struct mcsafe__directory *directory, const struct meeting *met)
{
	struct mcsafe__chunk *before = directory->chunks[met->last - (met->right == 0)];

	return before->ranges[met->right == 0 ? before->n - 1 : met->right - 1];
}

void proof(void)
{
	struct mcsafe__directory *directory = new_directory(PARTS);
	struct mcsafe__chunk *chunk;
	struct mcsafe_range range;
	struct meeting met;
	size_t start = nondet_size(), end = nondet_size(), edge = nondet_size();
	size_t part = nondet_size(), i = nondet_size();
	bool touching = nondet_bool(), is_met, is_near;

	SUPPOSE(directory != NULL && start < end && edge > 0);
	atomic_store(&registry.directory, directory);
	directory->from[0] = 0;
	directory->from[1] = edge;
	directory->chunks[0] = any_chunk(RANGES, 0, edge);
	directory->chunks[1] = any_chunk(RANGES, edge, SIZE_MAX);
	chunk = directory->chunks[0];
	/* Ranges of neighbouring parts do not touch either. */
	SUPPOSE(directory->chunks[1]->ranges[0].start > end_of(chunk->ranges[chunk->n - 1]));

	met = meet(&registry, start, end, touching);

	/* Any range. */
	SUPPOSE(part < PARTS);
	chunk = directory->chunks[part];
	SUPPOSE(i < chunk->n);
	range = chunk->ranges[i];
	is_met = !met.nothing && part >= met.first && part <= met.last &&
		 (part > met.first || i >= met.left) && (part < met.last || i < met.right);
	is_near = touching ? range.start <= end && end_of(range) >= start
			   : range.start < end && end_of(range) > start;
	PROVE(met.first <= met.last && met.last < PARTS);
	PROVE(is_met == is_near);
	PROVE(met.hull_start <= start && met.hull_end >= end);
	if (met.nothing)
		PROVE(met.hull_start == start && met.hull_end == end);
	PROVE(met.hull_start == start || met.hull_start == first_met(directory, &met).start);
	PROVE(met.hull_end == end || met.hull_end == end_of(last_met(directory, &met)));
	if (is_met)
		PROVE(met.hull_start <= range.start && met.hull_end >= end_of(range));
	END();
}
