/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * badblocks_search.c
 *
 * function: mcsafe__ending_by, mcsafe__part_of
 * property: exactly the ranges before the result end by the offset; the part holds the offset
 * loops: bounded, up to 4 ranges and 5 parts
 * unwind: 6
 * break: src/badblocks/registry.h s/range->len <= offset/range->len < offset/
 * break: src/badblocks/registry.h s/n -= half + 1/n -= half/
 * break: src/badblocks/registry.h s/low += half + 1/low += half/
 * break: src/badblocks/registry.h s/\[low + half\] <= offset/[low + half] < offset/
 * break: src/badblocks/registry.h s/while (n > 1)/while (n > 2)/
 */
#include "badblocks.h"

#define PARTS 5

void proof(void)
{
	struct mcsafe__chunk *chunk = any_chunk(MCSAFE__CHUNK_ROOM, 0, SIZE_MAX);
	struct mcsafe__directory *directory = malloc(sizeof(*directory) + PARTS * sizeof(size_t));
	size_t offset = nondet_size(), i = nondet_size(), n, part;

	n = mcsafe__ending_by(chunk, offset);
	PROVE(n <= chunk->n);
	SUPPOSE(i < chunk->n);
	PROVE((chunk->ranges[i].start + chunk->ranges[i].len <= offset) == (i < n));

	SUPPOSE(directory != NULL);
	directory->n = nondet_size();
	SUPPOSE(directory->n >= 1 && directory->n <= PARTS);
	for (size_t at = 0; at < PARTS; at++) {
		directory->from[at] = at == 0 ? 0 : nondet_size();
		SUPPOSE(at == 0 || directory->from[at - 1] < directory->from[at]);
	}
	part = mcsafe__part_of(directory, offset);
	PROVE(part < directory->n && directory->from[part] <= offset);
	PROVE(part + 1 == directory->n || offset < directory->from[part + 1]);
	END();
}
