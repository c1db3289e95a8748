/* SPDX-License-Identifier: BSD-3-Clause */
/* test_line.c - a line of a report that is too long is cut, and ends as a line all the same */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "run.h"

static struct {
	struct mcsafe__text text;
	char after[16];
} line;

static size_t print(char *printed, size_t size)
{
	ssize_t n;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	line.text.fd = fds[1];
	mcsafe__end_line(&line.text);
	close(fds[1]);
	n = read(fds[0], printed, size);
	close(fds[0]);
	assert_true(n > 0);
	return (size_t)n;
}

static void test_a_line_that_is_too_long_is_cut(void **state)
{
	static char printed[2 * sizeof(line.text.line)];
	const size_t room = sizeof(line.text.line);

	(void)state;
	memset(line.after, 0x5a, sizeof(line.after));
	for (size_t i = 0; i < room; i++)
		mcsafe__put(&line.text, "abc");
	mcsafe__put_decimal(&line.text, LONG_MIN);
	mcsafe__put_outside(&line.text, "outside");
	assert_int_equal(print(printed, sizeof(printed)), room);
	assert_int_equal(printed[room - 1], '\n');
	for (size_t i = 0; i < room - 1; i++)
		assert_int_equal(printed[i], "abc"[i % 3]);
	for (size_t i = 0; i < sizeof(line.after); i++)
		assert_int_equal(line.after[i], 0x5a);
	assert_int_equal(line.text.n, 0);
}

static void test_numbers_are_whole(void **state)
{
	static const char expected[] = "0 -1 9223372036854775807 -9223372036854775808 0x0 "
				       "0xffffffffffffffff\n";
	char printed[128];

	(void)state;
	mcsafe__put_decimal(&line.text, 0);
	mcsafe__put(&line.text, " ");
	mcsafe__put_decimal(&line.text, -1);
	mcsafe__put(&line.text, " ");
	mcsafe__put_decimal(&line.text, LONG_MAX);
	mcsafe__put(&line.text, " ");
	mcsafe__put_decimal(&line.text, LONG_MIN);
	mcsafe__put(&line.text, " ");
	mcsafe__put_hex(&line.text, 0);
	mcsafe__put(&line.text, " ");
	mcsafe__put_hex(&line.text, ULONG_MAX);
	assert_int_equal(print(printed, sizeof(printed)), sizeof(expected) - 1);
	assert_memory_equal(printed, expected, sizeof(expected) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_that_is_too_long_is_cut),
		cmocka_unit_test(test_numbers_are_whole),
	};

	return t_run("report.line", tests, T_LENGTH(tests));
}
