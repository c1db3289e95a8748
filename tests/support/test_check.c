/* SPDX-License-Identifier: BSD-3-Clause */
/* test_check.c - the checks of child processes hold for what is true, and print what is not */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "run.h"

static int output = -1; /* takes the child's standard error */

static void redirected(void *arg)
{
	void (*const *body)(void) = arg;

	CHECK_EQ(dup2(output, STDERR_FILENO), STDERR_FILENO);
	errno = EDOM;
	(*body)();
}

/* The check in body fails, and what it prints has the text. */
static void prints(void (*body)(void), const char *text)
{
	char printed[1024];
	int status;
	ssize_t n;

	output = memfd_create("output", MFD_CLOEXEC);
	assert_true(output >= 0);
	status = t_in_child(redirected, &body);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	n = pread(output, printed, sizeof(printed) - 1, 0);
	assert_true(n > 0);
	printed[n] = '\0';
	close(output);
	if (strstr(printed, text) == NULL)
		fail_msg("printed: %s", printed);
	/* One line, with the place and errno. */
	assert_non_null(strstr(printed, "test_check.c:"));
	assert_non_null(strstr(printed, " (errno 33)\n"));
	assert_ptr_equal(strchr(printed, '\n'), printed + n - 1);
}

static size_t length = 7;

static void equal_sizes(void)
{
	CHECK_EQ(length, 10u - 1);
}

static void equal_results(void)
{
	CHECK_EQ(-EINVAL, 0);
}

/* As bits of 64-bit numbers they are the same. */
static void negative_and_huge(void)
{
	CHECK_EQ(-1, UINT64_MAX);
}

static void different(void)
{
	CHECK_NE(length, 7);
}

static void less(void)
{
	CHECK_LT(length, 7);
}

static void at_most(void)
{
	CHECK_LE(length, -1);
}

static void more(void)
{
	CHECK_GT(-2, -2L);
}

static void at_least(void)
{
	CHECK_GE(-2, length);
}

static void pointers(void)
{
	CHECK_PTR_EQ((const void *)0x1000, (void *)0x2000);
}

static void same_pointers(void)
{
	CHECK_PTR_NE(MAP_FAILED, (void *)-1);
}

static void strings(void)
{
	CHECK_STR_EQ("erms", "avx2");
}

static void bytes(void)
{
	CHECK_MEM_EQ("abcd", "abXd", 4);
}

static void conditions(void)
{
	CHECK(strchr("abc", 'd'));
}

static void places(void)
{
	UNREACHED("the body goes on");
}

static void test_failure_prints_both_values(void **state)
{
	(void)state;
	prints(equal_sizes, "not true: length == 10u - 1; the left side is 7 (0x7), "
			    "the right side is 9 (0x9)");
	prints(equal_results, "not true: -EINVAL == 0; the left side is -22 ");
	prints(negative_and_huge, "the left side is -1 (0xffffffffffffffff), "
				  "the right side is 18446744073709551615 (0xffffffffffffffff)");
	prints(different, "not true: length != 7; the left side is 7 ");
	prints(less, "not true: length < 7; the left side is 7 ");
	prints(at_most, "not true: length <= -1; the left side is 7 ");
	prints(more, "not true: -2 > -2L; the left side is -2 ");
	prints(at_least, "not true: -2 >= length; the left side is -2 ");
	prints(pointers, "the left side is 0x1000, the right side is 0x2000");
	prints(same_pointers, "not true: MAP_FAILED != (void *)-1; "
			      "the left side is 0xffffffffffffffff");
	prints(strings, "the left side is \"erms\", the right side is \"avx2\"");
	prints(bytes, "of 4 bytes; the left side has 0x63 at byte 2, the right side 0x58");
	prints(conditions, "not true: strchr(\"abc\", 'd')");
	prints(places, "the body goes on");
}

enum colour { RED, GREEN };

IN_CHILD(test_true_comparisons_hold_for_every_type)
{
	const volatile unsigned char byte = 200;
	enum colour colour = GREEN;
	int evaluated = 0;

	CHECK_EQ(byte, 200);
	CHECK_EQ(colour, GREEN);
	CHECK_NE(colour, RED);
	CHECK_EQ(1 < 2, true);
	CHECK_EQ('a', 97L);
	CHECK_EQ((short)-1, -1LL);
	CHECK_NE(-1, UINTMAX_MAX);
	CHECK_NE(UINT32_MAX, -1);
	CHECK_LT(-1, length);
	CHECK_LT(-2, -1);
	CHECK_LT(INTMAX_MAX, UINTMAX_MAX);
	CHECK_LE(7, length);
	CHECK_GE(length, INTMAX_MIN);
	CHECK_GT(length, 6u);
	CHECK_PTR_EQ(&length, (void *)&length);
	CHECK_PTR_NE(equal_sizes, different);
	CHECK_STR_EQ("erms", "erms");
	CHECK_MEM_EQ("abcd", "abXd", 2);
	CHECK_EQ(++evaluated, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failure_prints_both_values),
		cmocka_unit_test(test_true_comparisons_hold_for_every_type),
	};

	return t_run("support.check", tests, T_LENGTH(tests));
}
