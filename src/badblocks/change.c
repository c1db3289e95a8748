/* SPDX-License-Identifier: BSD-3-Clause */
/* change.c - make, change and destroy registries of bad ranges */
#include <mcsafe/badblocks.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/errno_kept.h"
#include "registry.h"

/* How many ranges a new chunk gets when there is a choice. Half as many again fit in later. */
#define GOOD_FILL (MCSAFE__CHUNK_ROOM * 2 / 3)

/* ---- make and destroy ------------------------------------------------------------------------ */

int mcsafe_badblocks_create(struct mcsafe_badblocks **badblocks)
{
	MCSAFE__KEEP_ERRNO();
	struct mcsafe__grace *grace = aligned_alloc(_Alignof(struct mcsafe__grace), sizeof(*grace));
	struct mcsafe_badblocks *made = calloc(1, sizeof(*made));

	if (grace == NULL || made == NULL) {
		free(grace);
		free(made);
		return -ENOMEM;
	}
	memset(grace, 0, sizeof(*grace));
	made->grace = grace;
	/* Without attributes this cannot fail. */
	pthread_mutex_init(&made->lock, NULL);
	*badblocks = made;
	return 0;
}

void mcsafe_badblocks_destroy(struct mcsafe_badblocks *badblocks)
{
	struct mcsafe__directory *directory;

	if (badblocks == NULL)
		return;
	directory = atomic_load(&badblocks->directory);
	for (size_t i = 0; directory != NULL && i < directory->n; i++)
		free(atomic_load(&directory->chunks[i]));
	free(directory);
	mcsafe__filter_end(badblocks);
	mcsafe__grace_end(badblocks->grace);
	free(badblocks->grace);
	pthread_mutex_destroy(&badblocks->lock);
	free(badblocks);
}

/* ---- chunks and directories ------------------------------------------------------------------ */

static struct mcsafe__chunk *new_chunk(const struct mcsafe_range *ranges, size_t n)
{
	struct mcsafe__chunk *chunk = malloc(sizeof(*chunk) + n * sizeof(*ranges));

	if (chunk == NULL)
		return NULL;
	chunk->n = n;
	chunk->bytes = 0;
	for (size_t i = 0; i < n; i++) {
		chunk->ranges[i] = ranges[i];
		chunk->bytes += ranges[i].len;
	}
	return chunk;
}

/* A directory of n parts, none of which has a chunk yet. */
static struct mcsafe__directory *new_directory(size_t n)
{
	struct mcsafe__directory *directory;
	size_t part = sizeof(directory->from[0]) + sizeof(directory->chunks[0]);

	directory = malloc(sizeof(*directory) + n * part);
	if (directory == NULL)
		return NULL;
	directory->n = n;
	directory->chunks = (void *)&directory->from[n];
	for (size_t i = 0; i < n; i++)
		atomic_init(&directory->chunks[i], NULL);
	return directory;
}

/* Replace the chunks [first, last] of the directory by chunks for a list of ranges. Without a
 * directory there is nothing to replace. */
struct change {
	size_t first;
	size_t last;
	const struct mcsafe_range *list;
	size_t n;
};

static size_t chunks_for(size_t n)
{
	return n <= MCSAFE__CHUNK_ROOM ? n != 0 : (n + GOOD_FILL - 1) / GOOD_FILL;
}

/* Fill a directory from place `at` on with chunks for a list, which is divided evenly. */
static int fill_parts(struct mcsafe__directory *directory, size_t at, const struct change *change)
{
	size_t parts = chunks_for(change->n);

	for (size_t i = 0, begin = 0; i < parts; i++) {
		/* n * i / parts might overflow. */
		size_t n = change->n / parts + (i < change->n % parts);
		struct mcsafe__chunk *chunk = new_chunk(&change->list[begin], n);

		if (chunk == NULL) {
			while (i-- > 0)
				free(atomic_load(&directory->chunks[at + i]));
			return -ENOMEM;
		}
		directory->from[at + i] = chunk->ranges[0].start;
		atomic_init(&directory->chunks[at + i], chunk);
		begin += n;
	}
	return 0;
}

static void copy_parts(struct mcsafe__directory *to, size_t to_part,
		       const struct mcsafe__directory *from, size_t from_part, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		to->from[to_part + i] = from->from[from_part + i];
		atomic_init(&to->chunks[to_part + i], atomic_load(&from->chunks[from_part + i]));
	}
}

static void retire_chunks(struct mcsafe_badblocks *badblocks, struct mcsafe__directory *directory,
			  const struct change *change)
{
	for (size_t i = change->first; i <= change->last; i++)
		mcsafe__grace_retire(badblocks->grace,
				     &atomic_load(&directory->chunks[i])->retired);
}

/* Publish a new directory with the change. */
static int replace_directory(struct mcsafe_badblocks *badblocks, const struct change *change)
{
	struct mcsafe__directory *old = atomic_load(&badblocks->directory), *new = NULL;
	size_t parts = chunks_for(change->n);
	size_t before = old != NULL ? change->first : 0;
	size_t after = old != NULL ? old->n - change->last - 1 : 0;

	/* If no range is left, there are no other chunks: widen() has taken in the neighbour. */
	if (parts != 0) {
		new = new_directory(before + parts + after);
		if (new == NULL || fill_parts(new, before, change) != 0) {
			free(new);
			return -ENOMEM;
		}
		if (old != NULL) {
			copy_parts(new, 0, old, 0, before);
			copy_parts(new, before + parts, old, change->last + 1, after);
			/* The new parts together cover the offsets of the old ones. */
			new->from[before] = old->from[change->first];
		} else {
			new->from[0] = 0;
		}
	}
	atomic_store(&badblocks->directory, new);
	if (old != NULL) {
		retire_chunks(badblocks, old, change);
		mcsafe__grace_retire(badblocks->grace, &old->retired);
	}
	return 0;
}

/* Put a new chunk in the place of the only chunk that changes. */
static int replace_chunk(struct mcsafe_badblocks *badblocks, const struct change *change)
{
	struct mcsafe__directory *directory = atomic_load(&badblocks->directory);
	struct mcsafe__chunk *chunk = new_chunk(change->list, change->n);

	if (chunk == NULL)
		return -ENOMEM;
	retire_chunks(badblocks, directory, change);
	atomic_store(&directory->chunks[change->first], chunk);
	return 0;
}

/* ---- changes --------------------------------------------------------------------------------- */

static struct mcsafe__chunk *chunk_at(const struct mcsafe_badblocks *badblocks, size_t part)
{
	return atomic_load(&atomic_load(&badblocks->directory)->chunks[part]);
}

static size_t end_of(struct mcsafe_range range)
{
	return range.start + range.len;
}

/* Insert the ranges of a chunk into the list of the change: at its start, or at its end. */
static void take_in(struct mcsafe_badblocks *badblocks, struct change *change, size_t part,
		    size_t place)
{
	const struct mcsafe__chunk *chunk = chunk_at(badblocks, part);
	struct mcsafe_range *list = badblocks->list;

	if (place == 0)
		memmove(&list[chunk->n], list, change->n * sizeof(*list));
	memcpy(&list[place], chunk->ranges, chunk->n * sizeof(*list));
	change->n += chunk->n;
}

/* If only few ranges are left, put them into one chunk with those of a neighbour. */
static void widen(struct mcsafe_badblocks *badblocks, struct change *change)
{
	const struct mcsafe__directory *directory = atomic_load(&badblocks->directory);

	if (change->n >= MCSAFE__CHUNK_FEW)
		return;
	if (change->first > 0)
		take_in(badblocks, change, --change->first, 0);
	else if (change->last + 1 < directory->n)
		take_in(badblocks, change, ++change->last, change->n);
}

/* Make the change completely, or not at all. 0 or -ENOMEM. */
static int apply(struct mcsafe_badblocks *badblocks, const struct change *change)
{
	const struct mcsafe__directory *directory = atomic_load(&badblocks->directory);
	size_t count = atomic_load(&badblocks->count) + change->n;
	size_t bytes = atomic_load(&badblocks->bytes);
	int err;

	for (size_t i = 0; i < change->n; i++)
		bytes += change->list[i].len;
	for (size_t i = change->first; directory != NULL && i <= change->last; i++) {
		count -= chunk_at(badblocks, i)->n;
		bytes -= chunk_at(badblocks, i)->bytes;
	}

	if (directory != NULL && change->first == change->last && chunks_for(change->n) == 1)
		err = replace_chunk(badblocks, change);
	else
		err = replace_directory(badblocks, change);
	if (err != 0)
		return err;
	atomic_store(&badblocks->count, count);
	atomic_store(&badblocks->bytes, bytes);
	mcsafe__grace_reclaim(badblocks->grace);
	return 0;
}

/*
 * The known ranges that [start, end) overlaps: in the chunk `first` those from `left` on, in the
 * chunk `last` those before `right`, and all of the chunks between. The hull is the smallest range
 * that holds [start, end) and all of these.
 */
struct meeting {
	size_t first;
	size_t left;
	size_t last;
	size_t right;
	bool nothing;
	size_t hull_start;
	size_t hull_end;
};

/* The number of ranges in a chunk that begin before an offset. */
static size_t beginning_before(const struct mcsafe__chunk *chunk, size_t offset)
{
	size_t n = mcsafe__ending_by(chunk, offset);

	/* The next range ends past the offset, but may begin before it. */
	return n + (n < chunk->n && chunk->ranges[n].start < offset);
}

/* Requires a directory. With `touching`, ranges that are merely adjacent count as overlapping. */
static struct meeting meet(const struct mcsafe_badblocks *badblocks, size_t start, size_t end,
			   bool touching)
{
	const struct mcsafe__directory *directory = atomic_load(&badblocks->directory);
	size_t low = start - (touching && start != 0), high = end + (touching && end != SIZE_MAX);
	struct meeting met = {.hull_start = start, .hull_end = end};
	const struct mcsafe__chunk *first, *last;

	met.first = mcsafe__part_of(directory, low);
	met.last = mcsafe__part_of(directory, high - 1);
	first = chunk_at(badblocks, met.first);
	last = chunk_at(badblocks, met.last);
	met.left = mcsafe__ending_by(first, low);
	met.right = beginning_before(last, high);

	/* Leave a part on which the range only borders, unless a range of that part touches it. */
	if (met.first < met.last && met.left == first->n &&
	    start >= directory->from[met.first + 1]) {
		first = chunk_at(badblocks, ++met.first);
		met.left = 0;
	}
	if (met.first < met.last && met.right == 0 && end <= directory->from[met.last]) {
		last = chunk_at(badblocks, --met.last);
		met.right = last->n;
	}

	met.nothing = met.first == met.last
			      ? met.left == met.right
			      : met.first + 1 == met.last && met.left == first->n && met.right == 0;
	if (met.nothing)
		return met;
	if (met.left < first->n && first->ranges[met.left].start < start)
		met.hull_start = first->ranges[met.left].start;
	if (met.right > 0 && end_of(last->ranges[met.right - 1]) > end)
		met.hull_end = end_of(last->ranges[met.right - 1]);
	return met;
}

/* Replace the ranges that were met by these. */
static int replace(struct mcsafe_badblocks *badblocks, const struct meeting *met,
		   const struct mcsafe_range *ranges, size_t n)
{
	const struct mcsafe__chunk *first = chunk_at(badblocks, met->first);
	const struct mcsafe__chunk *last = chunk_at(badblocks, met->last);
	struct change change = {met->first, met->last, badblocks->list, met->left + n};
	struct mcsafe_range *list = badblocks->list;
	size_t rest = last->n - met->right;

	memcpy(list, first->ranges, met->left * sizeof(*list));
	for (size_t i = 0; i < n; i++)
		list[met->left + i] = ranges[i];
	memcpy(&list[change.n], &last->ranges[met->right], rest * sizeof(*list));
	change.n += rest;
	widen(badblocks, &change);
	return apply(badblocks, &change);
}

static int add(struct mcsafe_badblocks *badblocks, size_t start, size_t end)
{
	struct mcsafe_range known, range = {start, end - start};
	struct change first_of_all = {.list = &range, .n = 1};
	struct meeting met;

	if (mcsafe_badblocks_next(badblocks, start, end, &known) && known.start == start &&
	    known.len == range.len)
		return 0;
	mcsafe__filter_expect(badblocks, &range, 1);
	mcsafe__filter_add(badblocks, &range, 1);
	if (atomic_load(&badblocks->directory) == NULL)
		return apply(badblocks, &first_of_all);
	met = meet(badblocks, start, end, true);
	range = (struct mcsafe_range){met.hull_start, met.hull_end - met.hull_start};
	return replace(badblocks, &met, &range, 1);
}

/* What stays of a hull without [start, end): up to two ranges. Returns their number. */
static size_t split(const struct meeting *met, size_t start, size_t end, struct mcsafe_range *stay)
{
	size_t n = 0;

	if (met->hull_start < start)
		stay[n++] = (struct mcsafe_range){met->hull_start, start - met->hull_start};
	if (met->hull_end > end)
		stay[n++] = (struct mcsafe_range){end, met->hull_end - end};
	return n;
}

static int clear(struct mcsafe_badblocks *badblocks, size_t start, size_t end)
{
	struct mcsafe_range stay[2];
	struct meeting met;

	if (atomic_load(&badblocks->directory) == NULL)
		return 0;
	met = meet(badblocks, start, end, false);
	if (met.nothing)
		return 0;
	return replace(badblocks, &met, stay, split(&met, start, end, stay));
}

static int change_range(struct mcsafe_badblocks *badblocks, size_t start, size_t len,
			int (*change)(struct mcsafe_badblocks *, size_t, size_t))
{
	MCSAFE__KEEP_ERRNO();
	int err;

	if (!mcsafe__range_is_valid(start, len))
		return -EINVAL;
	pthread_mutex_lock(&badblocks->lock);
	err = change(badblocks, start, start + len);
	pthread_mutex_unlock(&badblocks->lock);
	return err;
}

int mcsafe_badblocks_add(struct mcsafe_badblocks *badblocks, size_t start, size_t len)
{
	return change_range(badblocks, start, len, add);
}

int mcsafe_badblocks_clear(struct mcsafe_badblocks *badblocks, size_t start, size_t len)
{
	return change_range(badblocks, start, len, clear);
}

/* ---- many at once ---------------------------------------------------------------------------- */

static int by_start(const void *a, const void *b)
{
	const struct mcsafe_range *left = a, *right = b;

	return (left->start > right->start) - (left->start < right->start);
}

/* Append a range. It must not begin before the last range of the list. */
static size_t append(struct mcsafe_range *list, size_t n, struct mcsafe_range range)
{
	if (n == 0 || range.start > end_of(list[n - 1])) {
		list[n] = range;
		return n + 1;
	}
	if (end_of(range) > end_of(list[n - 1]))
		list[n - 1].len = end_of(range) - list[n - 1].start;
	return n;
}

static size_t sort_and_merge(struct mcsafe_range *ranges, size_t n)
{
	bool sorted = true;
	size_t merged = 0;

	for (size_t i = 1; i < n && sorted; i++)
		sorted = ranges[i - 1].start <= ranges[i].start;
	if (!sorted)
		qsort(ranges, n, sizeof(*ranges), by_start);
	for (size_t i = 0; i < n; i++)
		merged = append(ranges, merged, ranges[i]);
	return merged;
}

/* Write the union of the registry and n ranges, which must ascend, to a list with room for both. */
static size_t unite(const struct mcsafe_badblocks *badblocks, const struct mcsafe_range *ranges,
		    size_t n, struct mcsafe_range *list)
{
	const struct mcsafe__directory *directory = atomic_load(&badblocks->directory);
	size_t united = 0, next = 0;

	for (size_t part = 0; directory != NULL && part < directory->n; part++) {
		const struct mcsafe__chunk *chunk = chunk_at(badblocks, part);

		for (size_t i = 0; i < chunk->n; i++) {
			while (next < n && ranges[next].start <= chunk->ranges[i].start)
				united = append(list, united, ranges[next++]);
			united = append(list, united, chunk->ranges[i]);
		}
	}
	while (next < n)
		united = append(list, united, ranges[next++]);
	return united;
}

static int add_all(struct mcsafe_badblocks *badblocks, const struct mcsafe_range *ranges, size_t n)
{
	const struct mcsafe__directory *directory = atomic_load(&badblocks->directory);
	struct change change = {.last = directory != NULL ? directory->n - 1 : 0};
	size_t room = atomic_load(&badblocks->count) + n;
	struct mcsafe_range *list = malloc(room * sizeof(*list));
	int err;

	if (list == NULL)
		return -ENOMEM;
	change.list = list;
	mcsafe__filter_expect(badblocks, ranges, n);
	mcsafe__filter_add(badblocks, ranges, n);
	change.n = unite(badblocks, ranges, n, list);
	err = apply(badblocks, &change);
	free(list);
	return err;
}

int mcsafe__badblocks_add_all(struct mcsafe_badblocks *badblocks, struct mcsafe_range *ranges,
			      size_t *n)
{
	MCSAFE__KEEP_ERRNO();
	int err;

	*n = sort_and_merge(ranges, *n);
	if (*n == 0)
		return 0;
	pthread_mutex_lock(&badblocks->lock);
	err = add_all(badblocks, ranges, *n);
	pthread_mutex_unlock(&badblocks->lock);
	return err;
}
