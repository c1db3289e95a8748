/* SPDX-License-Identifier: BSD-3-Clause */
/* test_ndctl.c - libndctl is opened when it is asked, and a stand-in is believed */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "pmem/ask.h"
#include "run.h"

static int ask(const char *region, const char *count, struct mcsafe__list *list)
{
	*list = (struct mcsafe__list){.cut = false};
	assert_int_equal(setenv("FAKE_NDCTL_COUNT", count, 1), 0);
	return mcsafe__ndctl_region(region, list);
}

static bool is_loaded(void)
{
	void *handle = dlopen("libndctl.so.6", RTLD_NOW | RTLD_NOLOAD);

	if (handle != NULL)
		dlclose(handle);
	return handle != NULL;
}

static void test_it_is_not_loaded_before_a_question(void **state)
{
	struct mcsafe__list list;

	(void)state;
	assert_false(is_loaded());
	assert_int_equal(ask("region9", "1", &list), -ENODEV);
	assert_true(is_loaded());
}

static void test_what_it_says_is_taken(void **state)
{
	struct mcsafe__list list;

	(void)state;
	assert_int_equal(ask("region1", "3", &list), 0);
	assert_int_equal(list.ranges.n, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(list.ranges.list[i].start, (100000 + 10 * i) * 512);
		assert_int_equal(list.ranges.list[i].len, 7 * 512);
	}
	assert_false(list.cut);
	free(list.ranges.list);
}

/* It does not tell an empty list from one that could not be read. */
static void test_nothing_bad_is_no_answer(void **state)
{
	struct mcsafe__list list;

	(void)state;
	assert_int_equal(ask("region1", "0", &list), -ENODEV);
	assert_int_equal(ask("region0", "5", &list), -ENODEV);
	assert_int_equal(list.ranges.n, 0);
}

/* Lines of 9 bytes: 455 of them are all that a page of text shows. */
static void test_a_full_page_may_have_been_cut(void **state)
{
	static const struct {
		const char *count;
		bool cut;
	} cases[] = {{"1", false}, {"400", false}, {"454", true}, {"455", true}};
	struct mcsafe__list list;

	(void)state;
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		assert_int_equal(ask("region1", cases[i].count, &list), 0);
		assert_int_equal(list.cut, cases[i].cut);
		free(list.ranges.list);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_is_not_loaded_before_a_question),
		cmocka_unit_test(test_what_it_says_is_taken),
		cmocka_unit_test(test_nothing_bad_is_no_answer),
		cmocka_unit_test(test_a_full_page_may_have_been_cut),
	};

	return t_run("badblocks.ndctl", tests, T_LENGTH(tests));
}
