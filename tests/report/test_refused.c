/* SPDX-License-Identifier: BSD-3-Clause */
/* test_refused.c - whichever call of libc fails while reports are set up, later none does */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "child.h"
#include "leaks.h"
#include "refusal.h"

static int report(void)
{
	return mcsafe_set_report(STDERR_FILENO, 0);
}

static int no_report(void)
{
	return mcsafe_set_report(-1, 0);
}

static int check(void)
{
	return mcsafe_guard_check(STDERR_FILENO);
}

static int no_check(void)
{
	return mcsafe_guard_check(-1);
}

static int backtrace_of_here(void)
{
	void *frames[4];
	ucontext_t here;
	int n;

	CHECK_EQ(getcontext(&here), 0);
	n = mcsafe_backtrace(&here, frames, 4);
	return n > 0 ? 0 : n;
}

static const struct set_up {
	int (*on)(void), (*off)(void);
	unsigned least; /* so many calls can be refused */
} set_ups[] = {{report, no_report, 3}, {check, no_check, 3}};

struct attempt {
	const struct set_up *set_up;
	unsigned nth;
	int *fired; /* shared with the parent */
};

/* Much is done once in the life of a process. */
static void set_up_while_refused(void *arg)
{
	const struct attempt *attempt = arg;
	size_t descriptors = t_count_descriptors();
	const char *refused;
	int result;

	t_refuse(attempt->nth, EMFILE);
	result = attempt->set_up->on();
	refused = t_refuse_no_more();
	*attempt->fired = refused != NULL;
	/* Descriptors below 3 need not be held, there is no old descriptor to look at, and the lock
	 * works without MADV_WIPEONFORK. */
	if (refused != NULL && result == 0)
		CHECK(strcmp(refused, "open") == 0 || strcmp(refused, "fstat") == 0 ||
		      strcmp(refused, "madvise") == 0);
	if (result != 0) {
		CHECK_PTR_NE(refused, NULL);
		CHECK(result == -EMFILE || result == -EBADF);
		/* libunwind keeps a pipe. */
		CHECK_LE(t_count_descriptors(), descriptors + 2);
		CHECK_EQ(attempt->set_up->on(), 0);
	}
	CHECK_EQ(attempt->set_up->off(), 0);
	CHECK_LE(t_count_descriptors(), descriptors + 2);
	CHECK_EQ(backtrace_of_here(), 0);
}

/* In a child: the first backtrace of a process is not like the others. */
static void look_for_libunwind(void *there)
{
	*(int *)there = backtrace_of_here() != -ENOTSUP;
}

static void test_setting_up(void **state)
{
	int *fired = t_shared(sizeof(*fired)), *there = t_shared(sizeof(*there));

	(void)state;
	t_survives(look_for_libunwind, there);
	if (!*there) {
		print_message("built without libunwind\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(set_ups) / sizeof(set_ups[0]); i++) {
		struct attempt attempt = {&set_ups[i], 0, fired};

		do {
			attempt.nth++;
			t_survives(set_up_while_refused, &attempt);
		} while (*fired);
		assert_true(attempt.nth > set_ups[i].least);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_setting_up),
	};

	return cmocka_run_group_tests_name("report.refused", tests, NULL, NULL);
}
