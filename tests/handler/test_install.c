/* SPDX-License-Identifier: BSD-3-Clause */
/* test_install.c - mcsafe_install, _uninstall and _installed: results, dispositions, errno */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "bad_page.h"
#include "child.h"

/* How many different actions are remembered; see mcsafe_install(). */
#define ACTIONS_MAX 15

#define OURS (SA_SIGINFO | SA_ONSTACK | SA_NODEFER)

static const int signals[] = {SIGBUS, SIGSEGV};

static struct sigaction at_start[2];

static void on_info(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)si;
	(void)ctx;
}

static void on_plain(int signo)
{
	(void)signo;
}

static void test_nothing_is_installed_by_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_true(at_start[i].sa_handler == SIG_DFL);
}

IN_CHILD(test_install_is_idempotent)
{
	CHECK_EQ(mcsafe_installed(), 0);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_installed(), 1);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_installed(), 1);
	CHECK_EQ(mcsafe_uninstall(), 0);
	CHECK_EQ(mcsafe_installed(), 0);
	CHECK_EQ(mcsafe_uninstall(), 0);
}

/* SA_RESTART is that of the previous action of the same signal. The other flags never change. */
IN_CHILD(test_flags_of_our_action_are_as_documented)
{
	static const int restart[][2] = {{0, 0}, {SA_RESTART, 0}, {0, SA_RESTART}};

	for (size_t row = 0; row < T_LENGTH(restart); row++) {
		for (size_t i = 0; i < 2; i++)
			t_set_action(signals[i], on_info, restart[row][i], SIGUSR1);
		CHECK_EQ(mcsafe_install(), 0);
		for (size_t i = 0; i < 2; i++) {
			struct sigaction live = t_get_action(signals[i]), expected = live;

			expected.sa_flags = OURS | restart[row][i];
			sigemptyset(&expected.sa_mask);
			CHECK(t_same_action(&live, &expected));
			CHECK_PTR_NE(live.sa_sigaction, on_info);
		}
		CHECK_EQ(mcsafe_uninstall(), 0);
	}
}

/* Every combination of these four as the previous actions of the two signals. */
static void set_previous(int signo, unsigned which)
{
	switch (which) {
	case 0:
		t_set_plain(signo, SIG_DFL, 0);
		break;
	case 1:
		t_set_plain(signo, SIG_IGN, SA_RESTART);
		break;
	case 2:
		t_set_plain(signo, on_plain, (int)SA_RESETHAND | SA_NODEFER);
		break;
	default:
		t_set_action(signo, on_info, SA_ONSTACK | SA_RESTART, SIGUSR2);
	}
}

IN_CHILD(test_uninstall_restores_exactly)
{
	for (unsigned mix = 0; mix < 16; mix++) {
		struct sigaction before[2];

		set_previous(SIGBUS, mix % 4);
		set_previous(SIGSEGV, mix / 4);
		for (size_t i = 0; i < 2; i++)
			before[i] = t_get_action(signals[i]);
		CHECK_EQ(mcsafe_install(), 0);
		CHECK_EQ(mcsafe_install(), 0);
		CHECK_EQ(mcsafe_uninstall(), 0);
		for (size_t i = 0; i < 2; i++) {
			struct sigaction after = t_get_action(signals[i]);

			CHECK(t_same_action(&after, &before[i]));
		}
	}
}

IN_CHILD(test_uninstall_leaves_alone_what_was_never_taken)
{
	struct sigaction before, after;

	t_set_action(SIGBUS, on_info, SA_RESTART, SIGUSR1);
	before = t_get_action(SIGBUS);
	CHECK_EQ(mcsafe_uninstall(), 0);
	after = t_get_action(SIGBUS);
	CHECK(t_same_action(&after, &before));
}

/* Covered on one signal or on both: -EBUSY, and nothing changes. Uncovered again: 0. */
IN_CHILD(test_uninstall_is_refused_while_covered)
{
	for (unsigned covered = 1; covered < 4; covered++) {
		struct sigaction before[2], after[2];

		CHECK_EQ(mcsafe_install(), 0);
		for (size_t i = 0; i < 2; i++) {
			before[i] = t_get_action(signals[i]);
			if (covered & 1u << i)
				t_set_action(signals[i], on_info, 0, 0);
			after[i] = t_get_action(signals[i]);
		}
		CHECK_EQ(mcsafe_installed(), 0);
		CHECK_EQ(mcsafe_uninstall(), -EBUSY);
		for (size_t i = 0; i < 2; i++) {
			struct sigaction still = t_get_action(signals[i]);

			CHECK(t_same_action(&still, &after[i]));
			CHECK_EQ(sigaction(signals[i], &before[i], NULL), 0);
		}
		CHECK_EQ(mcsafe_installed(), 1);
		CHECK_EQ(mcsafe_uninstall(), 0);
		CHECK_EQ(mcsafe_installed(), 0);
	}
}

IN_CHILD(test_copies_land_after_each_install)
{
	struct t_bad_page memory = t_bad_page(T_PROT_NONE);
	char dst[16];

	for (int i = 0; i < 5; i++) {
		CHECK_EQ(mcsafe_install(), 0);
		CHECK_EQ(memcpy_mcsafe(dst, memory.bad - 3, sizeof(dst)), sizeof(dst) - 3);
		CHECK_EQ(mcsafe_uninstall(), 0);
	}
}

static int one_shot_calls;

static void on_one_shot(int signo)
{
	(void)signo;
	one_shot_calls++;
}

/* With SA_RESETHAND, each sigaction(2) handles one signal. Then the action is the default. */
IN_CHILD(test_a_one_shot_handler_that_is_set_anew)
{
	for (int calls = 1; calls <= 3; calls++) {
		t_set_plain(SIGBUS, on_one_shot, (int)SA_RESETHAND);
		CHECK_EQ(mcsafe_install(), 0);
		CHECK_EQ(raise(SIGBUS), 0);
		CHECK_EQ(one_shot_calls, calls);
	}
	CHECK_EQ(mcsafe_uninstall(), 0);
	CHECK_PTR_EQ(t_get_action(SIGBUS).sa_handler, SIG_DFL);
}

static void set_action_number(int signo, int number)
{
	t_set_action(signo, on_info, 0, SIGRTMIN + number);
}

/* The sixteenth different action is one too many. Those that are known are still accepted. */
IN_CHILD(test_no_room_for_a_sixteenth_action)
{
	for (int number = 0; number < ACTIONS_MAX; number++) {
		set_action_number(SIGSEGV, number);
		CHECK_EQ(mcsafe_install(), 0);
	}
	set_action_number(SIGSEGV, ACTIONS_MAX);
	CHECK_EQ(mcsafe_install(), -ENOSPC);
	CHECK_EQ(mcsafe_install(), -ENOSPC);
	CHECK_EQ(mcsafe_installed(), 0);
	for (int number = 0; number < ACTIONS_MAX; number++) {
		set_action_number(SIGSEGV, number);
		CHECK_EQ(mcsafe_install(), 0);
		CHECK_EQ(mcsafe_installed(), 1);
	}
	CHECK_EQ(mcsafe_uninstall(), 0);
}

/* Few handlers, but too many orders of them. The last handler stays on top of ours. */
IN_CHILD(test_no_room_for_a_sixteenth_order)
{
	int orders = 0, result = 0;

	for (int step = 1; result == 0 && step < 100; step++) {
		/* 1 2 1 3 1 2 1 4: whoever comes to the front changes the order of all. */
		set_action_number(SIGSEGV, __builtin_ctz((unsigned)step));
		result = mcsafe_install();
		orders += result == 0;
	}
	CHECK_EQ(result, -ENOSPC);
	CHECK_GE(orders, ACTIONS_MAX);
	CHECK_EQ(mcsafe_installed(), 0);
	CHECK_EQ(mcsafe_uninstall(), -EBUSY);
}

/* There is room for SIGBUS, and none for SIGSEGV. Neither changes, whatever SIGBUS had before. */
IN_CHILD(test_install_without_room_changes_nothing)
{
	struct sigaction before[2], after;

	for (int number = 0; number < ACTIONS_MAX; number++) {
		set_action_number(SIGSEGV, number);
		CHECK_EQ(mcsafe_install(), 0);
	}
	for (int ours = 0; ours < 2; ours++) {
		if (ours) {
			set_action_number(SIGSEGV, 0);
			CHECK_EQ(mcsafe_install(), 0);
		} else {
			CHECK_EQ(mcsafe_uninstall(), 0);
			t_set_action(SIGBUS, on_info, SA_RESTART, SIGUSR1);
		}
		set_action_number(SIGSEGV, ACTIONS_MAX);
		for (size_t i = 0; i < 2; i++)
			before[i] = t_get_action(signals[i]);
		CHECK_EQ(mcsafe_install(), -ENOSPC);
		for (size_t i = 0; i < 2; i++) {
			after = t_get_action(signals[i]);
			CHECK(t_same_action(&after, &before[i]));
		}
		CHECK_EQ(mcsafe_uninstall(), (ours ? -EBUSY : 0));
	}
}

IN_CHILD(test_errno_is_left_alone)
{
	errno = 4711;
	CHECK_EQ(mcsafe_uninstall(), 0);
	CHECK_EQ(errno, 4711);
	CHECK_EQ(mcsafe_installed(), 0);
	CHECK_EQ(errno, 4711);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(errno, 4711);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(errno, 4711);
	CHECK_EQ(mcsafe_installed(), 1);
	CHECK_EQ(errno, 4711);
	t_set_action(SIGBUS, on_info, 0, 0);
	errno = 4711;
	CHECK_EQ(mcsafe_uninstall(), -EBUSY);
	CHECK_EQ(errno, 4711);
	for (int number = 0; number < ACTIONS_MAX; number++) {
		set_action_number(SIGBUS, number);
		errno = 4711;
		if (mcsafe_install() != 0)
			break;
	}
	CHECK_EQ(mcsafe_install(), -ENOSPC);
	CHECK_EQ(errno, 4711);
}

/* A control function blocks signals while it works, and restores the mask. */
IN_CHILD(test_signal_mask_is_left_alone)
{
	sigset_t blocked, after;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigaddset(&blocked, SIGSEGV);
	CHECK_EQ(sigprocmask(SIG_SETMASK, &blocked, NULL), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ((i == 0   ? mcsafe_install()
			  : i == 1 ? !mcsafe_installed()
				   : mcsafe_uninstall()),
			 0);
		CHECK_EQ(sigprocmask(SIG_SETMASK, NULL, &after), 0);
		for (int signo = 1; signo < _NSIG; signo++)
			CHECK_EQ(sigismember(&after, signo), sigismember(&blocked, signo));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_installed_by_itself),
		cmocka_unit_test(test_install_is_idempotent),
		cmocka_unit_test(test_flags_of_our_action_are_as_documented),
		cmocka_unit_test(test_uninstall_restores_exactly),
		cmocka_unit_test(test_uninstall_leaves_alone_what_was_never_taken),
		cmocka_unit_test(test_uninstall_is_refused_while_covered),
		cmocka_unit_test(test_copies_land_after_each_install),
		cmocka_unit_test(test_a_one_shot_handler_that_is_set_anew),
		cmocka_unit_test(test_no_room_for_a_sixteenth_action),
		cmocka_unit_test(test_no_room_for_a_sixteenth_order),
		cmocka_unit_test(test_install_without_room_changes_nothing),
		cmocka_unit_test(test_errno_is_left_alone),
		cmocka_unit_test(test_signal_mask_is_left_alone),
	};

	for (size_t i = 0; i < 2; i++)
		at_start[i] = t_get_action(signals[i]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
