/* SPDX-License-Identifier: BSD-3-Clause */
/* filter.c - keep the bits of a registry's filter */
#include "filter.h"

#include <stdlib.h>

#include "registry.h"

#define LEAST_LOG2 12u
#define MOST_LOG2  24u
/* Bits for each bad page. About one lookup of good memory in this number passes the filter. */
#define SPARSE     16

static size_t pages_of(const struct mcsafe_range *range)
{
	size_t first = range->start >> MCSAFE__PAGE_SHIFT;

	return ((range->start + range->len - 1) >> MCSAFE__PAGE_SHIFT) - first + 1;
}

static size_t count_pages(const struct mcsafe_range *ranges, size_t n)
{
	size_t pages = 0;

	for (size_t i = 0; i < n; i++)
		pages += pages_of(&ranges[i]);
	return pages;
}

static size_t n_words(const struct mcsafe__filter *filter)
{
	return (size_t)1 << (filter->log2_bits - 6);
}

/* There is one writer. */
static void set_word(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

/* Set n bits, the last of which is not past the last bit of the filter. */
static void set_run(struct mcsafe__filter *filter, size_t bit, size_t n)
{
	while (n != 0) {
		_Atomic uint64_t *word = &filter->words[bit / 64];
		size_t rest = 64 - bit % 64, len = n < rest ? n : rest;

		set_word(word, atomic_load_explicit(word, memory_order_relaxed) |
				       UINT64_MAX >> (64 - len) << bit % 64);
		bit += len;
		n -= len;
	}
}

/*
 * The list may come from somebody else. So that a few lines do not cost much, a filter sets no more
 * bits than it has: once so many pages are bad, it does not tell good from bad any more, and all of
 * its bits are set.
 */
static void set_bits(struct mcsafe__filter *filter, const struct mcsafe_range *ranges, size_t n)
{
	size_t all = (size_t)1 << filter->log2_bits;

	for (size_t i = 0; i < n && filter->pages < all; i++) {
		size_t page = ranges[i].start >> MCSAFE__PAGE_SHIFT, left = pages_of(&ranges[i]);

		if (left >= all - filter->pages) {
			set_run(filter, 0, all);
			filter->pages = all;
			return;
		}
		filter->pages += left;
		while (left != 0) {
			size_t bit = mcsafe__filter_bit(filter, page);
			/* Bits of neighbours are neighbours up to a multiple of `all`. */
			size_t run = all - page % all < all - bit ? all - page % all : all - bit;

			if (run > left)
				run = left;
			set_run(filter, bit, run);
			page += run;
			left -= run;
		}
	}
}

static struct mcsafe__filter *new_filter(unsigned log2_bits)
{
	size_t size = sizeof(struct mcsafe__filter) + ((size_t)1 << (log2_bits - 3));
	struct mcsafe__filter *filter = calloc(1, size);

	if (filter != NULL)
		filter->log2_bits = log2_bits;
	return filter;
}

/* Set the bits of all ranges in the registry. */
static void set_all(const struct mcsafe_badblocks *badblocks, struct mcsafe__filter *filter)
{
	const struct mcsafe__directory *directory = atomic_load(&badblocks->directory);

	for (size_t i = 0; directory != NULL && i < directory->n; i++) {
		const struct mcsafe__chunk *chunk = atomic_load(&directory->chunks[i]);

		set_bits(filter, chunk->ranges, chunk->n);
	}
}

static size_t count_all(const struct mcsafe_badblocks *badblocks)
{
	const struct mcsafe__directory *directory = atomic_load(&badblocks->directory);
	size_t pages = 0;

	for (size_t i = 0; directory != NULL && i < directory->n; i++) {
		const struct mcsafe__chunk *chunk = atomic_load(&directory->chunks[i]);

		pages += count_pages(chunk->ranges, chunk->n);
	}
	return pages;
}

static unsigned log2_for(size_t pages)
{
	unsigned log2_bits = LEAST_LOG2;

	while (log2_bits < MOST_LOG2 && ((size_t)1 << log2_bits) / SPARSE < pages)
		log2_bits++;
	return log2_bits;
}

/* Drop the bits of ranges that have been cleared. Each word is stored once, with its final value,
 * so that no bit of a bad page is 0 at any time. */
static void refresh(const struct mcsafe_badblocks *badblocks, struct mcsafe__filter *filter)
{
	struct mcsafe__filter *fresh = new_filter(filter->log2_bits);

	if (fresh == NULL)
		return;
	set_all(badblocks, fresh);
	for (size_t w = 0; w < n_words(filter); w++)
		set_word(&filter->words[w],
			 atomic_load_explicit(&fresh->words[w], memory_order_relaxed));
	filter->pages = fresh->pages;
	free(fresh);
}

static void replace(struct mcsafe_badblocks *badblocks, struct mcsafe__filter *old,
		    unsigned log2_bits)
{
	struct mcsafe__filter *filter = new_filter(log2_bits);

	if (filter == NULL)
		return;
	set_all(badblocks, filter);
	filter->older = old;
	atomic_store(&badblocks->filter, filter);
}

void mcsafe__filter_expect(struct mcsafe_badblocks *badblocks, const struct mcsafe_range *ranges,
			   size_t n)
{
	struct mcsafe__filter *filter = atomic_load(&badblocks->filter);
	size_t more = count_pages(ranges, n), pages;
	unsigned log2_bits;

	badblocks->filter_pages += more;
	if (filter != NULL && badblocks->filter_pages <= badblocks->filter_limit)
		return;
	pages = count_all(badblocks) + more;
	log2_bits = log2_for(pages);
	if (filter == NULL || log2_bits > filter->log2_bits)
		replace(badblocks, filter, log2_bits);
	else
		refresh(badblocks, filter);
	/* By the time the limit is reached again, up to half of the bad pages may have
	 * been cleared. */
	badblocks->filter_pages = pages;
	badblocks->filter_limit = 2 * pages > ((size_t)1 << log2_bits) / SPARSE
					  ? 2 * pages
					  : ((size_t)1 << log2_bits) / SPARSE;
}

void mcsafe__filter_add(struct mcsafe_badblocks *badblocks, const struct mcsafe_range *ranges,
			size_t n)
{
	struct mcsafe__filter *filter = atomic_load(&badblocks->filter);

	if (filter != NULL)
		set_bits(filter, ranges, n);
}

void mcsafe__filter_end(struct mcsafe_badblocks *badblocks)
{
	struct mcsafe__filter *filter = atomic_load(&badblocks->filter);

	while (filter != NULL) {
		struct mcsafe__filter *older = filter->older;

		free(filter);
		filter = older;
	}
}
