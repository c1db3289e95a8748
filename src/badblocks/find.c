/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * find.c - lookups in a registry, from any thread or signal handler
 *
 * Async-signal-safe: of libc only pthread_self() is called.
 */
#include "registry.h"

/* Find the first range that ends past start. A range that is bad throughout the call is found,
 * whenever the chunk of its part is loaded: the parts of a directory do not change. */
static bool first_ending_past(const struct mcsafe__directory *directory, size_t start,
			      struct mcsafe_range *found)
{
	size_t part = mcsafe__part_of(directory, start), i;
	const struct mcsafe__chunk *chunk = atomic_load(&directory->chunks[part]);

	i = mcsafe__ending_by(chunk, start);
	if (i == chunk->n) {
		if (part + 1 == directory->n)
			return false;
		chunk = atomic_load(&directory->chunks[part + 1]);
		i = 0;
	}
	*found = chunk->ranges[i];
	return true;
}

bool mcsafe_badblocks_next(const struct mcsafe_badblocks *badblocks, size_t start, size_t end,
			   struct mcsafe_range *bad)
{
	const struct mcsafe__directory *directory;
	const struct mcsafe__filter *filter;
	struct mcsafe_range found;
	_Atomic size_t *readers;
	bool is_there;

	if (start >= end ||
	    atomic_load_explicit(&badblocks->directory, memory_order_acquire) == NULL)
		return false;
	filter = atomic_load_explicit(&badblocks->filter, memory_order_acquire);
	if (filter != NULL && !mcsafe__filter_may_have(filter, start, end))
		return false;
	readers = mcsafe__grace_enter(badblocks->grace);
	directory = atomic_load(&badblocks->directory);
	is_there = directory != NULL && first_ending_past(directory, start, &found);
	mcsafe__grace_leave(readers);

	if (!is_there || found.start >= end)
		return false;
	if (bad != NULL) {
		size_t stop = found.start + found.len < end ? found.start + found.len : end;

		bad->start = found.start > start ? found.start : start;
		bad->len = stop - bad->start;
	}
	return true;
}

size_t mcsafe_badblocks_count(const struct mcsafe_badblocks *badblocks)
{
	return atomic_load(&badblocks->count);
}

size_t mcsafe_badblocks_bytes(const struct mcsafe_badblocks *badblocks)
{
	return atomic_load(&badblocks->bytes);
}
