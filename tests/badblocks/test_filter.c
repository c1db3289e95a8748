/* SPDX-License-Identifier: BSD-3-Clause */
/* test_filter.c - the filter before lookups answers "nothing" often enough to be worth its cost */
#include <stdlib.h>
#include <string.h>

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

/* How many of a thousand good pages the filter does not answer, so that they must be looked up. */
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
		assert_in_range(unanswered(n), 0, 100);
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
	assert_in_range(unanswered(n), 0, 100);
	assert_null(atomic_load(&badblocks->filter)->older);
	mcsafe_badblocks_destroy(badblocks);
	free(list);
}

/* Ranges that were repaired long ago no longer cause lookups, and take no memory. */
static void test_what_is_cleared_is_forgotten(void **state)
{
	(void)state;
	begin();
	assert_int_equal(mcsafe_badblocks_add(badblocks, 0, 1), 0);
	for (size_t i = 1; i < 50000; i++) {
		assert_int_equal(mcsafe_badblocks_add(badblocks, 2 * i * T_PAGE, T_PAGE), 0);
		assert_int_equal(mcsafe_badblocks_clear(badblocks, 2 * i * T_PAGE, T_PAGE), 0);
	}
	assert_in_range(unanswered(50000), 0, 100);
	assert_true(may_have(0));
	assert_null(atomic_load(&badblocks->filter)->older);
	mcsafe_badblocks_destroy(badblocks);
}

/* There are more bad pages than bits in the filter: it answers nothing, and no call takes long. */
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

/* A full filter is made anew once all is cleared. Then it must be told of the next range again. */
static void test_a_filter_that_was_full_sets_bits_again(void **state)
{
	const size_t n = (size_t)1 << 60;

	(void)state;
	begin();
	for (int i = 0; i < 6; i++) {
		assert_int_equal(mcsafe_badblocks_add(badblocks, 4096, n), 0);
		assert_true(mcsafe_badblocks_next(badblocks, n / 2, n / 2 + 1, NULL));
		assert_int_equal(mcsafe_badblocks_clear(badblocks, 0, SIZE_MAX), 0);
		assert_int_equal(mcsafe_badblocks_add(badblocks, 8192, 1), 0);
		assert_true(mcsafe_badblocks_next(badblocks, 8192, 8193, NULL));
	}
	mcsafe_badblocks_destroy(badblocks);
}

/*
 * Each of these ranges has a few pages less than the filter has bits. A list of them is short, and
 * must not be worked on for long: the second range fills the filter, and the others find it full.
 */
static void test_a_list_of_large_ranges_sets_each_bit_once(void **state)
{
	enum { LARGE = 100 };
	const size_t most = (size_t)1 << 24, each = (most - 4) * T_PAGE;
	struct mcsafe_range list[LARGE];
	const struct mcsafe__filter *filter;
	size_t n = LARGE;

	(void)state;
	begin();
	for (size_t i = 0; i < LARGE; i++)
		list[i] = (struct mcsafe_range){i * most * T_PAGE, each};
	assert_int_equal(mcsafe__badblocks_add_all(badblocks, list, &n), 0);
	assert_int_equal(n, LARGE);
	filter = atomic_load(&badblocks->filter);
	assert_int_equal(filter->log2_bits, 24);
	assert_int_equal(filter->pages, most);
	for (size_t i = 0; i < most / 64; i++)
		assert_true(filter->words[i] == UINT64_MAX);
	for (size_t i = 0; i < LARGE; i++) {
		assert_true(mcsafe_badblocks_next(badblocks, i * most * T_PAGE + each - 1,
						  i * most * T_PAGE + each, NULL));
		assert_false(mcsafe_badblocks_next(badblocks, i * most * T_PAGE + each,
						   (i + 1) * most * T_PAGE, NULL));
	}
	mcsafe_badblocks_destroy(badblocks);
}

/* The bits of a range are set by runs. A run ends with a word, with the filter, and where the next
 * page is spread to another place. */
static void test_each_page_of_a_range_has_its_bit(void **state)
{
	struct t_rng rng = t_rng_start(815, 0);

	(void)state;
	for (int round = 0; round < 2000; round++) {
		size_t first = (1 + t_rng_below(&rng, 1000)) * 4096 - t_rng_below(&rng, 300);
		size_t n = 1 + t_rng_below(&rng, 500), set = 0;
		const struct mcsafe__filter *filter;

		begin();
		assert_int_equal(mcsafe_badblocks_add(badblocks, first * T_PAGE, n * T_PAGE), 0);
		for (size_t page = first; page < first + n; page++)
			assert_true(may_have(page));
		filter = atomic_load(&badblocks->filter);
		for (size_t i = 0; i < (size_t)1 << (filter->log2_bits - 6); i++)
			set += (size_t)__builtin_popcountll(filter->words[i]);
		assert_in_range(set, 1, n);
		mcsafe_badblocks_destroy(badblocks);
	}
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

#define FEW_BITS 256u /* of a small filter */

/* Add the pages [page, page + n) to the empty small filter, and compare it with `expected`. */
static void check_bits(struct mcsafe__filter *filter, size_t page, size_t n,
		       const uint64_t *expected)
{
	struct mcsafe_range range = {page * T_PAGE + 1, (n - 1) * T_PAGE + 1};

	memset(filter->words, 0, FEW_BITS / 8);
	filter->pages = 0;
	mcsafe__filter_add(badblocks, &range, 1);
	if (memcmp(filter->words, expected, FEW_BITS / 8) != 0)
		fail_msg("%zu pages from page %zu on", n, page);
	assert_int_equal(filter->pages, n);
}

/* A page has its bit by its number modulo the square of the number of bits. */
static void test_a_small_filter_has_exactly_the_bits_of_each_range(void **state)
{
	struct mcsafe__filter *filter = calloc(1, sizeof(*filter) + FEW_BITS / 8);

	(void)state;
	assert_non_null(filter);
	begin();
	filter->log2_bits = 8;
	atomic_store(&badblocks->filter, filter);
	for (size_t page = 0; page < FEW_BITS * FEW_BITS; page++) {
		uint64_t expected[FEW_BITS / 64] = {0};

		for (size_t n = 1; n <= FEW_BITS; n++) {
			size_t bit = mcsafe__filter_bit(filter, page + n - 1);

			expected[bit / 64] |= UINT64_C(1) << bit % 64;
			if (n == FEW_BITS)
				memset(expected, 0xff, sizeof(expected));
			check_bits(filter, page, n, expected);
		}
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
		cmocka_unit_test(test_a_filter_that_was_full_sets_bits_again),
		cmocka_unit_test(test_a_list_of_large_ranges_sets_each_bit_once),
		cmocka_unit_test(test_each_page_of_a_range_has_its_bit),
		cmocka_unit_test(test_lookups_of_many_pages_do_without),
		cmocka_unit_test(test_a_small_filter_has_exactly_the_bits_of_each_range),
	};

	return t_run("badblocks.filter", tests, T_LENGTH(tests));
}
