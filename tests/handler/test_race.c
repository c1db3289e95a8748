/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_race.c - another library installs its handler in the middle of ours
 *
 * Linked with --wrap=sigaction: every sigaction(2) call of libmcsafe goes through this file. Before
 * the chosen call, the test installs another handler, as another thread might do.
 */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "bad_page.h"
#include "child.h"

/* The most sigaction(2) calls of one function: for each signal two to ask, and one to change. */
#define CALLS_MAX 6

/* How many different actions are remembered; see mcsafe_install(). */
#define ACTIONS_MAX 15

int __real_sigaction(int signo, const struct sigaction *action, struct sigaction *old);
int __wrap_sigaction(int signo, const struct sigaction *action, struct sigaction *old);

static struct t_bad_page memory;
static int countdown, intruder_calls, intruded_on, changes_errno;

static void intruder(int signo)
{
	(void)signo;
	intruder_calls++;
	t_bad_page_heal(&memory);
}

int __wrap_sigaction(int signo, const struct sigaction *action, struct sigaction *old)
{
	int result;

	if (countdown != 0 && --countdown == 0) {
		struct sigaction other;

		memset(&other, 0, sizeof(other));
		other.sa_handler = intruder;
		CHECK_EQ(__real_sigaction(signo, &other, NULL), 0);
		intruded_on = signo;
	}
	result = __real_sigaction(signo, action, old);
	if (changes_errno)
		errno = EDOM;
	return result;
}

static bool intruder_is_live(void)
{
	struct sigaction live;

	CHECK_EQ(__real_sigaction(intruded_on, NULL, &live), 0);
	return live.sa_handler == intruder;
}

static void cause_fault(void)
{
	memory = t_bad_page(intruded_on == SIGSEGV ? T_PROT_NONE : T_TRUNCATED);
	intruder_calls = 0;
	t_read_byte(memory.bad);
	CHECK_EQ(intruder_calls, 1);
}

/* Whenever the intruder comes, it is live, or it gets the signals that are not ours. */
static void install_with_intruder(void *arg)
{
	countdown = *(int *)arg;
	CHECK_EQ(mcsafe_install(), 0);
	if (countdown != 0)
		return; /* fewer calls than that */
	CHECK_EQ(intruder_is_live(), !mcsafe_installed());
	cause_fault();
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_installed(), 1);
	cause_fault();
}

/* "Both are left as they are": the other signal is checked also. */
static void uninstall_with_intruder(void *arg)
{
	int result, other;

	CHECK_EQ(mcsafe_install(), 0);
	countdown = *(int *)arg;
	result = mcsafe_uninstall();
	if (countdown != 0)
		return;
	CHECK_EQ(result, -EBUSY);
	CHECK(intruder_is_live());
	other = intruded_on == SIGBUS ? SIGSEGV : SIGBUS;
	CHECK_PTR_NE(t_get_action(other).sa_handler, SIG_DFL);
}

/* The same with room for one more action: both signals are as they were, or all succeeds. */
static void install_with_intruder_and_little_room(void *arg)
{
	struct sigaction action;
	int result;

	memset(&action, 0, sizeof(action));
	action.sa_handler = SIG_IGN;
	for (int number = 0; number < ACTIONS_MAX; number++) {
		sigaddset(&action.sa_mask, SIGRTMIN + number);
		CHECK_EQ(__real_sigaction(SIGSEGV, &action, NULL), 0);
		if (number < ACTIONS_MAX - 1)
			CHECK_EQ(mcsafe_install(), 0);
	}
	countdown = *(int *)arg;
	result = mcsafe_install();
	if (countdown != 0)
		return;
	if (result != 0) {
		CHECK_EQ(result, -ENOSPC);
		CHECK(intruder_is_live());
	}
	cause_fault();
}

static void test_install_survives_an_intruder(void **state)
{
	(void)state;
	for (int call = 1; call <= CALLS_MAX; call++)
		t_survives(install_with_intruder, &call);
}

static void test_install_survives_an_intruder_and_little_room(void **state)
{
	(void)state;
	for (int call = 1; call <= CALLS_MAX; call++)
		t_survives(install_with_intruder_and_little_room, &call);
}

static void test_uninstall_survives_an_intruder(void **state)
{
	(void)state;
	for (int call = 1; call <= CALLS_MAX; call++)
		t_survives(uninstall_with_intruder, &call);
}

/* libc may change errno even if it succeeds (errno(3)). */
IN_CHILD(test_errno_is_left_alone_whatever_libc_does)
{
	changes_errno = 1;
	errno = 4711;
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(errno, 4711);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(errno, 4711);
	CHECK_EQ(mcsafe_installed(), 1);
	CHECK_EQ(errno, 4711);
	CHECK_EQ(mcsafe_uninstall(), 0);
	CHECK_EQ(errno, 4711);
	CHECK_EQ(mcsafe_installed(), 0);
	CHECK_EQ(errno, 4711);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_install_survives_an_intruder),
		cmocka_unit_test(test_install_survives_an_intruder_and_little_room),
		cmocka_unit_test(test_uninstall_survives_an_intruder),
		cmocka_unit_test(test_errno_is_left_alone_whatever_libc_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
