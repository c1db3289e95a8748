/* SPDX-License-Identifier: BSD-3-Clause */
/* test_model.c - random changes and lookups of a registry, compared with a table of bytes */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <mcsafe/badblocks.h>

#include "badblocks/registry.h"
#include "oracle.h"
#include "rng.h"
#include "run.h"
#include "tool.h"

/* A slow tool runs fewer. No result depends on their number. */
#define STEPS 200000

static size_t most_parts;
static size_t most_steps; /* fewer with a slow tool */

static void note_parts(const struct mcsafe_badblocks *badblocks)
{
	const struct mcsafe__directory *directory = atomic_load(&badblocks->directory);

	if (directory != NULL && directory->n > most_parts)
		most_parts = directory->n;
}

/*
 * Mostly short lengths, because a long one leaves few ranges. Some are as long as a chunk or two.
 */
static size_t random_length(struct t_rng *rng, size_t room)
{
	size_t dice = t_rng_below(rng, 4000), most = 1 + t_rng_below(rng, 4);

	if (dice < 2)
		most = room;
	else if (dice < 12)
		most = 1500;
	return 1 + t_rng_below(rng, most < room ? most : room);
}

static void add_many(struct mcsafe_badblocks *badblocks, struct oracle *oracle, struct t_rng *rng)
{
	struct mcsafe_range list[600];
	size_t n = t_rng_below(rng, T_LENGTH(list));

	for (size_t i = 0; i < n; i++) {
		size_t from = t_rng_below(rng, oracle->units);
		size_t units = random_length(rng, oracle->units - from);

		oracle_set(oracle, from, units, true);
		list[i] = (struct mcsafe_range){oracle->base + from * oracle->unit,
						units * oracle->unit};
	}
	assert_int_equal(mcsafe__badblocks_add_all(badblocks, list, &n), 0);
}

static void step(struct mcsafe_badblocks *badblocks, struct oracle *oracle, struct t_rng *rng,
		 bool growing)
{
	size_t from = t_rng_below(rng, oracle->units), n = random_length(rng, oracle->units - from);
	bool bad = t_rng_below(rng, 10) < (growing ? 7 : 3);
	size_t a = t_rng_below(rng, oracle->units + 1), b = t_rng_below(rng, oracle->units + 1);

	errno = 4711;
	if (t_rng_below(rng, 2000) == 0) {
		add_many(badblocks, oracle, rng);
	} else {
		oracle_set(oracle, from, n, bad);
		assert_int_equal(
			(bad ? mcsafe_badblocks_add : mcsafe_badblocks_clear)(
				badblocks, oracle->base + from * oracle->unit, n * oracle->unit),
			0);
	}
	assert_int_equal(errno, 4711);
	note_parts(badblocks);
	oracle_check_next(oracle, badblocks, a, b);
	oracle_check_next(oracle, badblocks, from, from + n);
	oracle_check_next(oracle, badblocks, from + n - 1, from + n);
	if (from > 0)
		oracle_check_next(oracle, badblocks, from - 1, oracle->units);
}

/* Every second unit is bad to begin with if scattered is set. */
static void run_model(size_t units, size_t base, size_t unit, size_t steps, bool scattered)
{
	struct t_rng rng = t_rng_start(t_seed(), units ^ base ^ unit);
	struct oracle oracle = oracle_open(units, base, unit);
	struct mcsafe_badblocks *badblocks;

	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	for (size_t i = 0; scattered && i < units; i += 2) {
		oracle_set(&oracle, i, 1, true);
		assert_int_equal(mcsafe_badblocks_add(badblocks, base + i * unit, unit), 0);
	}
	note_parts(badblocks);
	for (size_t i = 0; i < steps; i++) {
		step(badblocks, &oracle, &rng, i / (steps / 6) % 2 == 0);
		if (i % (steps / 200) == 0)
			oracle_check_all(&oracle, badblocks);
	}
	oracle_check_all(&oracle, badblocks);
	mcsafe_badblocks_destroy(badblocks);
	oracle_close(&oracle);
}

static void test_few_ranges_agree(void **state)
{
	(void)state;
	run_model(64, 0, 1, most_steps, false);
	run_model(100, 4096, 64, most_steps / 4, false);
}

static void test_many_ranges_agree(void **state)
{
	(void)state;
	run_model(20000, 1000, 512, most_steps, false);
}

/* However few steps are run, the ranges fill several chunks from the first of them. */
static void test_ranges_in_many_chunks_agree(void **state)
{
	(void)state;
	most_parts = 0;
	run_model(20000, 1000, 512, most_steps / 4, true);
	assert_in_range(most_parts, 9, SIZE_MAX);
}

/* The ranges are in so many pages that the filter of lookups matters and must grow. */
static void test_ranges_in_many_pages_agree(void **state)
{
	(void)state;
	run_model(20000, 4096 * 7 + 100, 4096, most_steps, false);
	run_model(3000, 0, (size_t)1 << 40, most_steps / 4, false);
	run_model(6000, SIZE_MAX - 6000 * 2048, 2048, most_steps / 4, false);
}

static void test_ranges_at_the_end_of_all_offsets_agree(void **state)
{
	(void)state;
	run_model(5000, SIZE_MAX - 5000, 1, most_steps / 4, false);
}

static void test_wrong_ranges_are_refused(void **state)
{
	struct mcsafe_badblocks *badblocks;
	struct mcsafe_range bad = {1, 2};

	(void)state;
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	assert_int_equal(mcsafe_badblocks_add(badblocks, 0, 0), -EINVAL);
	assert_int_equal(mcsafe_badblocks_add(badblocks, 1, SIZE_MAX), -EINVAL);
	assert_int_equal(mcsafe_badblocks_add(badblocks, SIZE_MAX, 1), -EINVAL);
	assert_int_equal(mcsafe_badblocks_count(badblocks), 0);
	assert_false(mcsafe_badblocks_next(badblocks, 0, SIZE_MAX, &bad));
	assert_int_equal(mcsafe_badblocks_add(badblocks, 0, SIZE_MAX), 0);
	assert_int_equal(mcsafe_badblocks_clear(badblocks, 7, 0), -EINVAL);
	assert_int_equal(mcsafe_badblocks_clear(badblocks, 7, SIZE_MAX - 6), -EINVAL);
	assert_int_equal(mcsafe_badblocks_bytes(badblocks), SIZE_MAX);
	assert_false(mcsafe_badblocks_next(badblocks, 9, 9, &bad));
	assert_false(mcsafe_badblocks_next(badblocks, 9, 8, &bad));
	assert_int_equal(bad.start, 1);
	assert_int_equal(bad.len, 2);
	assert_true(mcsafe_badblocks_next(badblocks, 9, 10, &bad));
	assert_int_equal(bad.start, 9);
	assert_int_equal(bad.len, 1);
	mcsafe_badblocks_destroy(badblocks);
	mcsafe_badblocks_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few_ranges_agree),
		cmocka_unit_test(test_many_ranges_agree),
		cmocka_unit_test(test_ranges_in_many_chunks_agree),
		cmocka_unit_test(test_ranges_in_many_pages_agree),
		cmocka_unit_test(test_ranges_at_the_end_of_all_offsets_agree),
		cmocka_unit_test(test_wrong_ranges_are_refused),
	};

	most_steps = STEPS / t_stride(T_THREAD_SANITIZER ? 20 : 10, 20);
	return t_run("badblocks.model", tests, T_LENGTH(tests));
}
