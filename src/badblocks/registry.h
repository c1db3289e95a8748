/* SPDX-License-Identifier: BSD-3-Clause */
/* registry.h - the structure of a registry of bad ranges */
#ifndef MCSAFE_SRC_BADBLOCKS_REGISTRY_H
#define MCSAFE_SRC_BADBLOCKS_REGISTRY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <mcsafe/badblocks.h>

#include "base/page.h"
#include "filter.h"
#include "grace.h"

/*
 * Ranges are kept in chunks, in ascending order. A directory divides the offsets into parts, and
 * has one chunk for each part. A range is never in two parts. A chunk is never empty, and never
 * changes. A change to the registry replaces the chunk in its place of the directory. If the parts
 * change, the directory is replaced too. So a reader that holds a directory finds the ranges that
 * were there when it loaded the chunk, and needs at most two chunks.
 */
/*
 * ROOM: ranges in a chunk, at most. A change copies a whole chunk.
 * FEW: a change that leaves fewer ranges joins them with the chunk before or after. At least 1, or
 * a chunk would become empty.
 * Proofs and tests have smaller chunks.
 */
#ifndef MCSAFE__CHUNK_ROOM
# define MCSAFE__CHUNK_ROOM 256
# define MCSAFE__CHUNK_FEW  32
#endif

struct mcsafe__chunk {
	struct mcsafe__retired retired;
	size_t n;
	size_t bytes; /* of all its ranges */
	struct mcsafe_range ranges[];
};

struct mcsafe__directory {
	struct mcsafe__retired retired;
	size_t n;
	_Atomic(struct mcsafe__chunk *) *chunks; /* n of them, in the same allocation */
	size_t from[];                           /* where each part begins; the first begins at 0 */
};

struct mcsafe_badblocks {
	_Atomic(struct mcsafe__directory *) directory; /* NULL: there is no range */
	_Atomic size_t count;
	_Atomic size_t bytes;
	_Atomic(struct mcsafe__filter *) filter; /* NULL: no need yet, or no memory for it */
	struct mcsafe__grace *grace;
	pthread_mutex_t lock; /* protects changes, and the members below */
	size_t filter_pages;  /* bad pages whose bits were set since it was made or refreshed */
	size_t filter_limit;  /* at this number the filter is refreshed or replaced */
	/* The new ranges of a change: of the chunks at both its ends, and two more. */
	struct mcsafe_range list[2 * MCSAFE__CHUNK_ROOM + 2];
};

/* The part of a directory in which an offset is. */
static inline size_t mcsafe__part_of(const struct mcsafe__directory *directory, size_t offset)
{
	size_t low = 0, n = directory->n;

	while (n > 1) {
		size_t half = n / 2;

		if (directory->from[low + half] <= offset)
			low += half;
		n -= half;
	}
	return low;
}

/* The number of ranges in a chunk that end at an offset or before it. */
static inline size_t mcsafe__ending_by(const struct mcsafe__chunk *chunk, size_t offset)
{
	size_t low = 0, n = chunk->n;

	while (n > 0) {
		size_t half = n / 2;
		const struct mcsafe_range *range = &chunk->ranges[low + half];

		if (range->start + range->len <= offset) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return low;
}

static inline bool mcsafe__range_is_valid(size_t start, size_t len)
{
	return len != 0 && !mcsafe__wraps(start, len);
}

/*
 * Add many ranges at once, so that a lookup sees all of them or none. The array is sorted and
 * merged in place, and *n becomes the number of ranges that are left in it. 0; or -ENOMEM: none was
 * added.
 */
int mcsafe__badblocks_add_all(struct mcsafe_badblocks *badblocks, struct mcsafe_range *ranges,
			      size_t *n);

#endif /* MCSAFE_SRC_BADBLOCKS_REGISTRY_H */
