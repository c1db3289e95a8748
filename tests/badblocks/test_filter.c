/* SPDX-License-Identifier: BSD-3-Clause */
/* test_filter.c - the filter in front of lookups says "nothing" often enough to be worth it */
#include <stdlib.h>

#include <mcsafe/badblocks.h>

#include "badblocks/registry.h"
#include "rng.h"
#include "run.h"

static struct mcsafe_badblocks *badblocks;

static void begin(void)
{
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
}

static bool may_have(size_t page)
{
	return mcsafe__filter_may_have(atomic_load(&badblocks->filter), page * T_PAGE,
				       page * T_PAGE + 64);
}

/* Of a thousand good pages, how many have to be looked up. */
static size_t unanswered(size_t pages)
{
	struct t_rng rng = t_rng_start(4711, pages);
	size_t n = 0;

	for (int i = 0; i < 1000; i++)
		n += may_have(t_rng_below(&rng, pages) * 2 + 1);
	return n;
}

static void test_most_lookups_are_answered_at_any_size(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 100000; n *= 10) {
		begin();
		for (size_t i = 0; i < n; i++)
			assert_int_equal(mcsafe_badblocks_add(badblocks, 2 * i * T_PAGE + 512, 512),
					 0);
		assert_true(unanswered(n) <= 100);
		for (size_t i = 0; i < n; i++)
			assert_true(may_have(2 * i));
		mcsafe_badblocks_destroy(badblocks);
	}
}

static void test_it_is_made_for_a_load_at_once(void **state)
{
	const size_t room = 50000;
	struct mcsafe_range *list = calloc(room, sizeof(*list));
	size_t n = room;

	(void)state;
	assert_non_null(list);
	begin();
	for (size_t i = 0; i < n; i++)
		list[i] = (struct mcsafe_range){2 * i * T_PAGE, T_PAGE};
	assert_int_equal(mcsafe__badblocks_add_all(badblocks, list, &n), 0);
	assert_true(unanswered(n) <= 100);
	assert_null(atomic_load(&badblocks->filter)->older);
	mcsafe_badblocks_destroy(badblocks);
	free(list);
}

/* What was repaired long ago is not asked about for ever, nor does it take memory. */
static void test_what_is_cleared_is_forgotten(void **state)
{
	(void)state;
	begin();
	assert_int_equal(mcsafe_badblocks_add(badblocks, 0, 1), 0);
	for (size_t i = 1; i < 50000; i++) {
		assert_int_equal(mcsafe_badblocks_add(badblocks, 2 * i * T_PAGE, T_PAGE), 0);
		assert_int_equal(mcsafe_badblocks_clear(badblocks, 2 * i * T_PAGE, T_PAGE), 0);
	}
	assert_true(unanswered(50000) <= 100);
	assert_true(may_have(0));
	assert_null(atomic_load(&badblocks->filter)->older);
	mcsafe_badblocks_destroy(badblocks);
}

/* More bad pages than bits: nothing is answered, and nothing takes long. */
static void test_a_huge_range_sets_all_bits(void **state)
{
	(void)state;
	begin();
	assert_int_equal(mcsafe_badblocks_add(badblocks, 4096, (size_t)1 << 60), 0);
	assert_true(may_have(0) && may_have(1) && may_have((size_t)1 << 51));
	assert_int_equal(mcsafe_badblocks_clear(badblocks, 4096, (size_t)1 << 60), 0);
	assert_int_equal(mcsafe_badblocks_count(badblocks), 0);
	mcsafe_badblocks_destroy(badblocks);
}

static void test_lookups_of_many_pages_do_without(void **state)
{
	(void)state;
	begin();
	assert_int_equal(mcsafe_badblocks_add(badblocks, 1000 * T_PAGE, T_PAGE), 0);
	for (size_t pages = 1; pages < 10; pages++) {
		size_t end = (20 + pages) * T_PAGE;

		assert_int_equal(
			mcsafe__filter_may_have(atomic_load(&badblocks->filter), 20 * T_PAGE, end),
			pages > MCSAFE__FILTER_SPAN);
		assert_false(mcsafe_badblocks_next(badblocks, 20 * T_PAGE, end, NULL));
		assert_true(mcsafe_badblocks_next(badblocks, (1001 - pages) * T_PAGE,
						  1000 * T_PAGE + 1, NULL));
		assert_true(mcsafe_badblocks_next(badblocks, 1001 * T_PAGE - 1,
						  (1000 + pages) * T_PAGE, NULL));
	}
	mcsafe_badblocks_destroy(badblocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_most_lookups_are_answered_at_any_size),
		cmocka_unit_test(test_it_is_made_for_a_load_at_once),
		cmocka_unit_test(test_what_is_cleared_is_forgotten),
		cmocka_unit_test(test_a_huge_range_sets_all_bits),
		cmocka_unit_test(test_lookups_of_many_pages_do_without),
	};

	return t_run("badblocks.filter", tests, T_LENGTH(tests));
}
