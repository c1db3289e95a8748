/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_reachable.c - every registry that changes can lead to, in a small space of offsets
 *
 * The space has few offsets, and chunks have room for few ranges. Therefore there are few
 * registries. Two numbers tell one from all others: what is bad, and where the parts of the
 * directory begin. The test makes every change of the empty registry, and then of each registry
 * that a change has led to. When there is no new one, every sequence of changes has been tried,
 * however long.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "badblocks/registry.h"
#include "basics.h"
#include "cmocka_all.h"

/*
 * A cell is bad or good as a whole. Cell k is [at[k], at[k + 1]). CMake says how many there are.
 * Some offsets share a page.
 */
static const size_t first_offsets[] = {0,     1,     2,     4095,  4096, 4097,
				       12288, 12296, 16383, 24576, 24577};
static size_t at[CELLS + 1];
_Static_assert(sizeof(at) <= sizeof(first_offsets), "an offset for each end of a cell");

/* A bit for each cell: whether it is bad, and whether a part of the directory begins with it. */
struct state {
	unsigned bad;
	unsigned from;
};

static bool seen[1u << 2 * CELLS];
static struct state found[1u << 2 * CELLS];
static size_t n_found;

/* The linker wraps malloc (--wrap). The call that makes this 0 fails. */
static size_t until_failure;

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);

void *__wrap_malloc(size_t n)
{
	if (until_failure != 0 && --until_failure == 0)
		return NULL;
	return __real_malloc(n);
}

static unsigned cells(size_t low, size_t high)
{
	return (1u << high) - (1u << low);
}

static struct mcsafe_range range_of(size_t low, size_t high)
{
	return (struct mcsafe_range){at[low], at[high] - at[low]};
}

static size_t cell_at(size_t offset)
{
	size_t cell = 0;

	/* The first part begins at 0, wherever the space begins. */
	if (offset == 0)
		return 0;
	while (cell < CELLS && at[cell] != offset)
		cell++;
	assert_int_equal(at[cell], offset);
	return cell;
}

/* The first range of bad cells in [low, end): *low and *high. Returns false if there is none. */
static bool first_bad(unsigned bad, size_t *low, size_t *high, size_t end)
{
	while (*low < end && (bad >> *low & 1) == 0)
		++*low;
	for (*high = *low; *high < end && (bad >> *high & 1) != 0;)
		++*high;
	return *low < end;
}

static void note(struct state state)
{
	unsigned index = state.bad << CELLS | state.from;

	if (!seen[index]) {
		seen[index] = true;
		found[n_found++] = state;
	}
}

static struct mcsafe__chunk *make_chunk(unsigned bad, size_t low, size_t end)
{
	struct mcsafe__chunk *chunk = malloc(sizeof(*chunk) + CELLS * sizeof(struct mcsafe_range));

	assert_non_null(chunk);
	chunk->n = chunk->bytes = 0;
	for (size_t high; first_bad(bad, &low, &high, end); low = high) {
		chunk->ranges[chunk->n] = range_of(low, high);
		chunk->bytes += chunk->ranges[chunk->n++].len;
	}
	return chunk;
}

static struct mcsafe_badblocks *make(struct state state)
{
	size_t n = (size_t)__builtin_popcount(state.from);
	struct mcsafe__directory *directory;
	struct mcsafe_badblocks *badblocks;

	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	if (n == 0)
		return badblocks;
	directory = malloc(sizeof(*directory) + n * (sizeof(size_t) + sizeof(void *)));
	assert_non_null(directory);
	directory->n = 0;
	directory->chunks = (void *)&directory->from[n];
	for (size_t low = 0, high; low < CELLS; low = high) {
		struct mcsafe__chunk *chunk;

		for (high = low + 1; high < CELLS && (state.from >> high & 1) == 0;)
			high++;
		chunk = make_chunk(state.bad, low, high);
		directory->from[directory->n] = low == 0 ? 0 : at[low];
		atomic_init(&directory->chunks[directory->n++], chunk);
		badblocks->count += chunk->n;
		badblocks->bytes += chunk->bytes;
	}
	atomic_init(&badblocks->directory, directory);
	return badblocks;
}

/* Check all that must be true of a registry. */
static struct state state_of(const struct mcsafe_badblocks *badblocks)
{
	const struct mcsafe__directory *directory = atomic_load(&badblocks->directory);
	struct state state = {0, 0};
	size_t count = 0, bytes = 0, free_from = 0;

	if (directory != NULL)
		assert_int_not_equal(directory->n, 0);
	for (size_t part = 0; directory != NULL && part < directory->n; part++) {
		const struct mcsafe__chunk *chunk = atomic_load(&directory->chunks[part]);
		size_t begin = cell_at(directory->from[part]), chunk_bytes = 0;
		size_t end = part + 1 < directory->n ? cell_at(directory->from[part + 1]) : CELLS;

		assert_true(part == 0 ? begin == 0 : begin < end);
		assert_in_range(chunk->n, 1, MCSAFE__CHUNK_ROOM);
		state.from |= 1u << begin;
		for (size_t i = 0; i < chunk->n; i++) {
			size_t low = cell_at(chunk->ranges[i].start);
			size_t high = cell_at(chunk->ranges[i].start + chunk->ranges[i].len);

			assert_true(begin <= low && low < high && high <= end);
			/* A good cell lies between two ranges. */
			assert_true(low >= free_from);
			free_from = high + 1;
			state.bad |= cells(low, high);
			chunk_bytes += chunk->ranges[i].len;
		}
		assert_int_equal(chunk->bytes, chunk_bytes);
		count += chunk->n;
		bytes += chunk_bytes;
	}
	assert_int_equal(mcsafe_badblocks_count(badblocks), count);
	assert_int_equal(mcsafe_badblocks_bytes(badblocks), bytes);
	return state;
}

static void check_lookups(const struct mcsafe_badblocks *badblocks, unsigned bad)
{
	for (size_t begin = 0; begin < CELLS; begin++) {
		for (size_t end = begin + 1; end <= CELLS; end++) {
			size_t low = begin, high;
			struct mcsafe_range range = {1, 2};

			if (first_bad(bad, &low, &high, end)) {
				assert_true(mcsafe_badblocks_next(badblocks, at[begin], at[end],
								  &range));
				assert_int_equal(range.start, at[low]);
				assert_int_equal(range.len, at[high] - at[low]);
			} else {
				assert_false(mcsafe_badblocks_next(badblocks, at[begin], at[end],
								   &range));
				assert_int_equal(range.start, 1);
			}
		}
	}
}

/* Of the cells [low, high), and of [other_low, other_high) if both are added at once. */
struct change {
	enum { ADD, CLEAR, ADD_BOTH } kind;
	size_t low, high, other_low, other_high;
};

static int make_change(struct mcsafe_badblocks *badblocks, const struct change *change)
{
	struct mcsafe_range range = range_of(change->low, change->high);

	switch (change->kind) {
	case ADD:
		return mcsafe_badblocks_add(badblocks, range.start, range.len);
	case CLEAR:
		return mcsafe_badblocks_clear(badblocks, range.start, range.len);
	default: {
		struct mcsafe_range both[] = {range,
					      range_of(change->other_low, change->other_high)};
		size_t n = 2;

		return mcsafe__badblocks_add_all(badblocks, both, &n);
	}
	}
}

static unsigned expected(unsigned bad, const struct change *change)
{
	unsigned range = cells(change->low, change->high);

	if (change->kind == CLEAR)
		return bad & ~range;
	if (change->kind == ADD_BOTH)
		range |= cells(change->other_low, change->other_high);
	return bad | range;
}

/* Make a change, first with each of its allocations failing in turn. */
static void try_change(struct state before, const struct change *change)
{
	bool has_failed = true;

	for (size_t failing = 1; has_failed; failing++) {
		struct mcsafe_badblocks *badblocks = make(before);
		struct state after;
		int err;

		until_failure = failing;
		err = make_change(badblocks, change);
		has_failed = until_failure == 0;
		until_failure = 0;
		after = state_of(badblocks);
		if (err == 0) {
			assert_int_equal(after.bad, expected(before.bad, change));
			check_lookups(badblocks, after.bad);
			note(after);
		} else {
			assert_int_equal(err, -ENOMEM);
			assert_true(has_failed);
			assert_memory_equal(&after, &before, sizeof(after));
		}
		mcsafe_badblocks_destroy(badblocks);
	}
}

static void try_changes(struct state before, size_t low, size_t high)
{
	struct change both = {.kind = ADD_BOTH, .other_low = low, .other_high = high};

	try_change(before, &(struct change){.kind = ADD, .low = low, .high = high});
	try_change(before, &(struct change){.kind = CLEAR, .low = low, .high = high});
	/* The ranges of a list need not be in order. */
	for (both.low = high + 1; both.low < CELLS; both.low++)
		for (both.high = both.low + 1; both.high <= CELLS; both.high++)
			try_change(before, &both);
}

static void try_all(void)
{
	memset(seen, 0, sizeof(seen));
	n_found = 0;
	note((struct state){0, 0});
	for (size_t next = 0; next < n_found; next++)
		for (size_t low = 0; low < CELLS; low++)
			for (size_t high = low + 1; high <= CELLS; high++)
				try_changes(found[next], low, high);
	print_message("%zu registries\n", n_found);
	/* All that can be bad, most of it in more than one way. */
	assert_true(n_found > 1u << CELLS);
}

static void at_the_first_offsets(void **state)
{
	(void)state;
	memcpy(at, first_offsets, sizeof(at));
	try_all();
}

static void at_the_last_offsets(void **state)
{
	(void)state;
	for (size_t i = 0; i <= CELLS; i++)
		at[i] = SIZE_MAX - first_offsets[CELLS - i];
	try_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(at_the_first_offsets),
					   cmocka_unit_test(at_the_last_offsets)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
