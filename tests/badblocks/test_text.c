/* SPDX-License-Identifier: BSD-3-Clause */
/* test_text.c - registries are saved as text and loaded again; bad text changes nothing */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mcsafe/badblocks.h>

#include "oracle.h"
#include "refusal.h"
#include "rng.h"
#include "run.h"

#define UNITS 3000

static struct mcsafe_badblocks *make(void)
{
	struct mcsafe_badblocks *badblocks;

	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	return badblocks;
}

static int load(struct mcsafe_badblocks *badblocks, const char *text, size_t n, size_t *line)
{
	/* fmemopen() does not accept an empty buffer for reading. */
	FILE *file = n != 0 ? fmemopen((char *)(uintptr_t)text, n, "r") : fopen("/dev/null", "re");
	int err;

	assert_non_null(file);
	errno = 4711;
	err = mcsafe_badblocks_load(badblocks, file, line);
	assert_int_equal(errno, 4711);
	fclose(file);
	return err;
}

static char *save(const struct mcsafe_badblocks *badblocks)
{
	char *text;
	size_t n;
	FILE *file = open_memstream(&text, &n);

	assert_non_null(file);
	errno = 4711;
	assert_int_equal(mcsafe_badblocks_save(badblocks, file), 0);
	assert_int_equal(errno, 4711);
	fclose(file);
	return text;
}

static void assert_saved(const struct mcsafe_badblocks *badblocks, const char *expected)
{
	char *text = save(badblocks);
	const char *lines = strchr(text, '\n');

	assert_int_equal(text[0], '#');
	assert_string_equal(lines + 1, expected);
	free(text);
}

static void test_what_is_saved_is_loaded(void **state)
{
	struct t_rng rng = t_rng_start(t_seed(), 0);
	struct oracle oracle = oracle_open(UNITS, 12345, 7);
	struct mcsafe_badblocks *first = make(), *second = make();
	char *text, *again;

	(void)state;
	assert_saved(first, "");
	for (size_t i = 0; i < UNITS / 2; i++) {
		size_t unit = t_rng_below(&rng, UNITS);

		oracle_set(&oracle, unit, 1, true);
		assert_int_equal(mcsafe_badblocks_add(first, oracle.base + unit * oracle.unit, 7),
				 0);
	}
	text = save(first);
	assert_int_equal(load(second, text, strlen(text), NULL), 0);
	oracle_check_all(&oracle, second);
	again = save(second);
	assert_string_equal(text, again);
	/* Loading the same text again changes nothing. */
	assert_int_equal(load(second, text, strlen(text), NULL), 0);
	oracle_check_all(&oracle, second);
	free(text);
	free(again);
	mcsafe_badblocks_destroy(first);
	mcsafe_badblocks_destroy(second);
	oracle_close(&oracle);
}

static void test_text_may_be_untidy(void **state)
{
	static const char text[] = "# a comment\n"
				   "\n"
				   " \t\n"
				   "  100\t 20  \n"
				   "0 1\n"
				   "#\n"
				   "110 30\n"
				   "18446744073709551614 1\n"
				   "0000000000000000000000001 000000000000000000000001\n";
	struct mcsafe_badblocks *badblocks = make();
	size_t line = 99;

	(void)state;
	assert_int_equal(load(badblocks, text, sizeof(text) - 1, &line), 0);
	assert_saved(badblocks, "0 2\n100 40\n18446744073709551614 1\n");
	assert_int_equal(load(badblocks, "", 0, &line), 0);
	assert_int_equal(line, 99);
	assert_int_equal(mcsafe_badblocks_count(badblocks), 3);
	mcsafe_badblocks_destroy(badblocks);
}

static void test_bad_lines_are_named_and_change_nothing(void **state)
{
	static const struct {
		const char *text;
		size_t line;
	} bad[] = {
		{"1\n", 1},
		{"1 \n", 1},
		{"1 2 3\n", 1},
		{"1 2x\n", 1},
		{"x\n", 1},
		{"1,2\n", 1},
		{"-1 2\n", 1},
		{"+1 2\n", 1},
		{"0x10 2\n", 1},
		{"1 0\n", 1},
		{"1 -1\n", 1},
		{"1 18446744073709551615\n", 1},
		{"18446744073709551615 1\n", 1},
		{"18446744073709551616 1\n", 1},
		{"1 18446744073709551616\n", 1},
		{"99999999999999999999999999999999999999999 1\n", 1},
		{" # no comment\n", 1},
		{"5 6", 1},
		{"5 6\n7 8\n9", 3},
		{"5 6\n7 8\n# cut off", 3},
		{"5 6\n7 8\n ", 3},
		{"5 6\n\n# c\n7\n8 9\n", 4},
		{"5 6\r\n", 1},
	};
	struct mcsafe_badblocks *badblocks = make();

	(void)state;
	assert_int_equal(mcsafe_badblocks_add(badblocks, 40, 2), 0);
	for (size_t i = 0; i < T_LENGTH(bad); i++) {
		size_t line = 0;

		if (load(badblocks, bad[i].text, strlen(bad[i].text), &line) != -EINVAL)
			fail_msg("accepted as good: %s", bad[i].text);
		assert_int_equal(line, bad[i].line);
		assert_saved(badblocks, "40 2\n");
	}
	assert_int_equal(load(badblocks, "1\n", 2, NULL), -EINVAL);
	assert_int_equal(load(badblocks, "1\0002\n", 4, NULL), -EINVAL);
	mcsafe_badblocks_destroy(badblocks);
}

static ssize_t fail_to_read(void *cookie, char *to, size_t n)
{
	const char **text = cookie;
	size_t len = strlen(*text);

	(void)n;
	if (len == 0) {
		errno = EIO;
		return -1;
	}
	memcpy(to, *text, len);
	*text += len;
	return (ssize_t)len;
}

static void test_a_stream_that_fails_changes_nothing(void **state)
{
	static const char *const texts[] = {"", "5 6\n", "5 6\n7", "5 6\n7 8", "# c"};
	struct mcsafe_badblocks *badblocks = make();

	(void)state;
	for (size_t i = 0; i < T_LENGTH(texts); i++) {
		const char *text = texts[i];
		FILE *file = fopencookie(&text, "r", (cookie_io_functions_t){.read = fail_to_read});
		size_t line = 99;

		assert_int_equal(mcsafe_badblocks_load(badblocks, file, &line), -EIO);
		assert_int_equal(line, 99);
		assert_int_equal(mcsafe_badblocks_count(badblocks), 0);
		fclose(file);
	}
	mcsafe_badblocks_destroy(badblocks);
}

static void test_a_full_device_is_reported(void **state)
{
	struct mcsafe_badblocks *badblocks = make();
	FILE *file = fopen("/dev/full", "we");

	(void)state;
	assert_non_null(file);
	errno = 4711;
	assert_int_equal(mcsafe_badblocks_save(badblocks, file), -ENOSPC);
	assert_int_equal(errno, 4711);
	fclose(file);
	mcsafe_badblocks_destroy(badblocks);
}

/*
 * Loads a million ranges that are not in order, and saves them. A load of quadratic time would not
 * end.
 */
#define MANY ((size_t)1000000)
#define STEP ((size_t)4096)
#define LEN  ((size_t)512)

static void test_a_million_ranges_are_loaded_and_saved(void **state)
{
	struct mcsafe_badblocks *first = make(), *second = make();
	FILE *file = tmpfile();
	struct mcsafe_range bad;
	size_t found = 0;

	(void)state;
	assert_non_null(file);
	for (size_t i = 0; i < MANY; i++)
		fprintf(file, "%zu %zu\n", i * 7919 % MANY * STEP, LEN);
	rewind(file);
	assert_int_equal(mcsafe_badblocks_load(first, file, NULL), 0);
	assert_int_equal(mcsafe_badblocks_count(first), MANY);
	assert_int_equal(mcsafe_badblocks_bytes(first), MANY * LEN);
	rewind(file);
	assert_int_equal(ftruncate(fileno(file), 0), 0);
	assert_int_equal(mcsafe_badblocks_save(first, file), 0);
	rewind(file);
	assert_int_equal(mcsafe_badblocks_load(second, file, NULL), 0);
	for (size_t at = 0; mcsafe_badblocks_next(second, at, SIZE_MAX, &bad);
	     at = bad.start + bad.len, found++)
		if (bad.start != found * STEP || bad.len != LEN)
			break;
	assert_int_equal(found, MANY);
	/* Change ranges one by one: split them, and merge them again. */
	for (size_t i = 0; i < MANY; i += 1000)
		assert_int_equal(mcsafe_badblocks_clear(second, i * STEP + LEN / 2, 1), 0);
	assert_int_equal(mcsafe_badblocks_count(second), MANY + MANY / 1000);
	for (size_t i = 0; i < MANY; i += 1000)
		assert_int_equal(mcsafe_badblocks_add(second, i * STEP, STEP), 0);
	assert_int_equal(mcsafe_badblocks_count(second), MANY - MANY / 1000);
	assert_int_equal(mcsafe_badblocks_add(second, 0, MANY * STEP), 0);
	assert_int_equal(mcsafe_badblocks_count(second), 1);
	fclose(file);
	mcsafe_badblocks_destroy(first);
	mcsafe_badblocks_destroy(second);
}

/* errno says why, or nothing does. */
static void test_a_stream_that_takes_nothing_is_an_error(void **state)
{
	static const int errors[] = {EIO, ENOSPC, 0};
	struct mcsafe_badblocks *badblocks;
	FILE *to = tmpfile();

	(void)state;
	assert_non_null(to);
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	assert_int_equal(mcsafe_badblocks_add(badblocks, 64, 64), 0);
	for (size_t i = 0; i < T_LENGTH(errors); i++)
		for (unsigned nth = 1; nth <= 2; nth++) {
			t_refuse(nth, errors[i]);
			assert_int_equal(mcsafe_badblocks_save(badblocks, to),
					 errors[i] != 0 ? -errors[i] : -EIO);
			assert_string_equal(t_refuse_no_more(), "fputs");
		}
	assert_int_equal(mcsafe_badblocks_save(badblocks, to), 0);
	mcsafe_badblocks_destroy(badblocks);
	fclose(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_stream_that_takes_nothing_is_an_error),
		cmocka_unit_test(test_what_is_saved_is_loaded),
		cmocka_unit_test(test_text_may_be_untidy),
		cmocka_unit_test(test_bad_lines_are_named_and_change_nothing),
		cmocka_unit_test(test_a_stream_that_fails_changes_nothing),
		cmocka_unit_test(test_a_full_device_is_reported),
		cmocka_unit_test(test_a_million_ranges_are_loaded_and_saved),
	};

	return t_run("badblocks.text", tests, T_LENGTH(tests));
}
