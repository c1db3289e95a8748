/* SPDX-License-Identifier: BSD-3-Clause */
/* oracle.c - a registry as a table of bytes: slow and obvious */
#include "oracle.h"

#include <stdlib.h>
#include <string.h>

#include "badblocks/registry.h"
#include "cmocka_all.h"

struct oracle oracle_open(size_t units, size_t base, size_t unit)
{
	struct oracle oracle = {calloc(units, 1), units, base, unit};

	assert_non_null(oracle.bad);
	return oracle;
}

void oracle_close(struct oracle *oracle)
{
	free(oracle->bad);
}

void oracle_set(struct oracle *oracle, size_t from, size_t n, bool bad)
{
	memset(&oracle->bad[from], bad, n);
}

bool oracle_next(const struct oracle *oracle, size_t from, size_t to, struct mcsafe_range *bad)
{
	size_t end;

	while (from < to && !oracle->bad[from])
		from++;
	if (from >= to)
		return false;
	for (end = from; end < to && oracle->bad[end]; end++)
		;
	bad->start = oracle->base + from * oracle->unit;
	bad->len = (end - from) * oracle->unit;
	return true;
}

void oracle_check_next(const struct oracle *oracle, const struct mcsafe_badblocks *badblocks,
		       size_t from, size_t to)
{
	struct mcsafe_range expected = {1, 2}, found = {1, 2};
	bool is_there = oracle_next(oracle, from, to, &expected);

	assert_int_equal(mcsafe_badblocks_next(badblocks, oracle->base + from * oracle->unit,
					       oracle->base + to * oracle->unit, &found),
			 is_there);
	assert_int_equal(found.start, expected.start);
	assert_int_equal(found.len, expected.len);
}

static void check_shape(const struct mcsafe_badblocks *badblocks)
{
	const struct mcsafe__directory *directory = atomic_load(&badblocks->directory);
	size_t last_end = 0, bytes = 0;
	bool first = true;

	if (directory == NULL)
		return;
	assert_int_not_equal(directory->n, 0);
	assert_int_equal(directory->from[0], 0);
	for (size_t i = 0; i < directory->n; i++) {
		const struct mcsafe__chunk *chunk = atomic_load(&directory->chunks[i]);
		size_t chunk_bytes = 0;

		assert_in_range(chunk->n, 1, MCSAFE__CHUNK_ROOM);
		for (size_t r = 0; r < chunk->n; r++) {
			const struct mcsafe_range *range = &chunk->ranges[r];
			size_t end = range->start + range->len;

			assert_int_not_equal(range->len, 0);
			assert_true(first || range->start > last_end);
			assert_true(range->start >= directory->from[i]);
			assert_true(i + 1 == directory->n || end <= directory->from[i + 1]);
			last_end = end;
			first = false;
			chunk_bytes += range->len;
		}
		assert_int_equal(chunk->bytes, chunk_bytes);
		bytes += chunk_bytes;
	}
	assert_int_equal(bytes, mcsafe_badblocks_bytes(badblocks));
}

void oracle_check_all(const struct oracle *oracle, const struct mcsafe_badblocks *badblocks)
{
	struct mcsafe_range expected, found;
	size_t at = 0, count = 0, bytes = 0;

	check_shape(badblocks);
	for (size_t from = 0; oracle_next(oracle, from, oracle->units, &expected);
	     from = (at - oracle->base) / oracle->unit) {
		assert_true(mcsafe_badblocks_next(badblocks, at, SIZE_MAX, &found));
		assert_int_equal(found.start, expected.start);
		assert_int_equal(found.len, expected.len);
		at = found.start + found.len;
		count++;
		bytes += found.len;
	}
	assert_false(mcsafe_badblocks_next(badblocks, at, SIZE_MAX, NULL));
	assert_int_equal(mcsafe_badblocks_count(badblocks), count);
	assert_int_equal(mcsafe_badblocks_bytes(badblocks), bytes);
}
