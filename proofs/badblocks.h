/* SPDX-License-Identifier: BSD-3-Clause */
/* badblocks.h - registries of a few ranges, for proofs */
#ifndef MCSAFE_PROOFS_BADBLOCKS_H
#define MCSAFE_PROOFS_BADBLOCKS_H

#define MCSAFE__CHUNK_ROOM 4
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

#endif /* MCSAFE_PROOFS_BADBLOCKS_H */
