/* SPDX-License-Identifier: BSD-3-Clause */
/* registry.h - how a registry of bad ranges is made */
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
 * Ranges are in chunks, in ascending order; a directory says which part of the offsets each chunk
 * is for. A range is never in two parts. A chunk is never empty, and never changes: a change
 * replaces it, either in its place of the directory, or along with the directory if the parts
 * change. So a reader that holds a directory finds what was there when it looked, and needs to look
 * at two chunks at most.
 */
#define MCSAFE__CHUNK_ROOM 256 /* ranges: what a change copies at least */

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
	size_t from[];                           /* where each part begins: the first at 0 */
};

struct mcsafe_badblocks {
	_Atomic(struct mcsafe__directory *) directory; /* NULL: no range at all */
	_Atomic size_t count;
	_Atomic size_t bytes;
	_Atomic(struct mcsafe__filter *) filter; /* NULL: there was no memory for it, or no need */
	struct mcsafe__grace *grace;
	pthread_mutex_t lock; /* of all below, and of changes */
	size_t filter_pages;  /* bad pages that bits were set for since it was made or refreshed */
	size_t filter_limit;  /* when to look at it again */
	/* What becomes of the chunks that a change meets: those at its ends. */
	struct mcsafe_range list[2 * MCSAFE__CHUNK_ROOM + 2];
};

/* The part of a directory that an offset is in. */
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

/* How many ranges of a chunk end at offset or before. */
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
 * Add many ranges at once, so that a lookup sees all of them or none. They are sorted and merged in
 * place; *n becomes how many they are then. 0; or -ENOMEM, and nothing was added.
 */
int mcsafe__badblocks_add_all(struct mcsafe_badblocks *badblocks, struct mcsafe_range *ranges,
			      size_t *n);

/*
 * Add the aligned block of extent bytes around addr, or its page if that is 0, as far as it is in
 * the len bytes at base, which the registry counts from. 1, 0 if none of it is, or -ENOMEM.
 */
int mcsafe__badblocks_add_block(struct mcsafe_badblocks *badblocks, const void *base, size_t len,
				const void *addr, size_t extent);

#endif /* MCSAFE_SRC_BADBLOCKS_REGISTRY_H */
