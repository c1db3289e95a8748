/* SPDX-License-Identifier: BSD-3-Clause */
/* badblocks.h - registries of a few ranges, for proofs */
#ifndef MCSAFE_PROOFS_BADBLOCKS_H
#define MCSAFE_PROOFS_BADBLOCKS_H

#define MCSAFE__CHUNK_ROOM 4
#define MCSAFE__CHUNK_FEW  1
#include "../src/badblocks/registry.h"

#include <stdlib.h>

#include "proof.h"

/* Any valid range in [from, to). */
static struct mcsafe_range any_range(size_t from, size_t to)
{
	struct mcsafe_range range = {nondet_size(), nondet_size()};

	SUPPOSE(range.len != 0 && range.start <= SIZE_MAX - range.len);
	SUPPOSE(range.start >= from && range.start + range.len <= to);
	return range;
}

/* Any chunk of 1 to `most` valid ranges that ascend and do not touch, all in [from, to). */
static struct mcsafe__chunk *any_chunk(size_t most, size_t from, size_t to)
{
	struct mcsafe__chunk *chunk =
		malloc(sizeof(*chunk) + MCSAFE__CHUNK_ROOM * sizeof(chunk->ranges[0]));

	SUPPOSE(chunk != NULL);
	chunk->n = nondet_size();
	SUPPOSE(chunk->n >= 1 && chunk->n <= most);
	for (size_t i = 0; i < chunk->n; i++) {
		chunk->ranges[i] = any_range(from, to);
		SUPPOSE(i == 0 || chunk->ranges[i].start >
					  chunk->ranges[i - 1].start + chunk->ranges[i - 1].len);
	}
	return chunk;
}

/* Any registry of up to `most_parts` parts, with 1 to `most` ranges each. */
static void any_registry(struct mcsafe_badblocks *badblocks, size_t most_parts, size_t most)
{
	struct mcsafe__directory *directory =
		malloc(sizeof(*directory) + MCSAFE__CHUNK_ROOM * sizeof(directory->from[0]));
	size_t size = MCSAFE__CHUNK_ROOM * sizeof(directory->chunks[0]);

	SUPPOSE(directory != NULL);
	directory->chunks = malloc(size);
	SUPPOSE(directory->chunks != NULL);
	directory->n = nondet_size();
	SUPPOSE(directory->n >= 1 && directory->n <= most_parts);
	directory->from[0] = 0;
	for (size_t i = 0; i < directory->n; i++) {
		bool is_last = i + 1 == directory->n;
		size_t to = is_last ? SIZE_MAX : nondet_size();

		SUPPOSE(to > directory->from[i]);
		directory->chunks[i] = any_chunk(most, directory->from[i], to);
		if (!is_last)
			directory->from[i + 1] = to;
	}
	badblocks->directory = directory;
}

#endif /* MCSAFE_PROOFS_BADBLOCKS_H */
