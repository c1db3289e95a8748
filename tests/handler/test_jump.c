/* SPDX-License-Identifier: BSD-3-Clause */
/* test_jump.c - a previous handler that leaves by siglongjmp(3), or copies itself */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "bad_page.h"
#include "child.h"

#define ROUNDS 50

static struct t_bad_page memory[2];

static sigjmp_buf back;
static volatile sig_atomic_t calls;

static void leave(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)si;
	(void)ctx;
	calls++;
	siglongjmp(back, 1);
}

static int blocked_signals(void)
{
	sigset_t set;
	int n = 0;

	CHECK_EQ(sigprocmask(SIG_SETMASK, NULL, &set), 0);
	for (int signo = 1; signo < _NSIG; signo++)
		n += sigismember(&set, signo);
	return n;
}

/* Faults of other code and of copies in turn. Those of other code end here. */
static void leave_again_and_again(int save_mask, int flags)
{
	char dst[8];

	for (size_t kind = 0; kind < 2; kind++) {
		t_set_action(t_bad_page_signo(memory[kind].kind), leave, flags, SIGUSR1);
		CHECK_EQ(mcsafe_install(), 0);
	}
	for (int round = 0; round < ROUNDS; round++) {
		const struct t_bad_page *m = &memory[round % 2];

		calls = 0;
		if (sigsetjmp(back, save_mask) == 0) {
			t_read_byte(m->bad);
			UNREACHED("the fault came back");
		}
		CHECK_EQ(calls, 1);
		CHECK_EQ(memcpy_mcsafe(dst, m->bad - 2, sizeof(dst)), sizeof(dst) - 2);
		CHECK_EQ(calls, 1);
		/*
		 * Without the mask of sigsetjmp(3), the handler's mask stays, SIGUSR1, as with the
		 * kernel.
		 */
		CHECK_EQ(blocked_signals(), (save_mask ? 0 : 1));
		CHECK_EQ(mcsafe_installed(), 1);
	}
}

IN_CHILD(test_handler_may_leave_with_the_mask)
{
	leave_again_and_again(1, 0);
}

IN_CHILD(test_handler_may_leave_without_the_mask)
{
	leave_again_and_again(0, SA_NODEFER);
}

static size_t left_inside;

static void copy_inside(int signo, siginfo_t *si, void *ctx)
{
	char dst[8];

	(void)si;
	(void)ctx;
	calls++;
	left_inside = memcpy_mcsafe(dst, memory[T_PROT_NONE].bad - 3, sizeof(dst));
	t_bad_page_heal(&memory[signo == SIGBUS ? T_TRUNCATED : T_PROT_NONE]);
}

/* The handler runs with its own signal unblocked, so a copy in it lands. */
IN_CHILD(test_copies_land_inside_the_previous_handler)
{
	for (size_t kind = 0; kind < 2; kind++) {
		t_set_action(t_bad_page_signo(memory[kind].kind), copy_inside, SA_NODEFER, 0);
		CHECK_EQ(mcsafe_install(), 0);
		t_read_byte(memory[kind].bad);
		CHECK_EQ(calls, 1);
		CHECK_EQ(left_inside, 5);
		t_bad_page_spoil(&memory[kind]);
		calls = 0;
	}
}

static void change_errno(int signo)
{
	(void)signo;
	errno = EDOM;
}

/* errno is that of the interrupted code. */
IN_CHILD(test_errno_survives_the_previous_handler)
{
	t_set_plain(SIGBUS, change_errno, 0);
	CHECK_EQ(mcsafe_install(), 0);
	errno = 4711;
	CHECK_EQ(raise(SIGBUS), 0);
	CHECK_EQ(errno, 4711);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handler_may_leave_with_the_mask),
		NOT_WITH_TSAN(test_handler_may_leave_without_the_mask),
		NOT_WITH_TSAN(test_copies_land_inside_the_previous_handler),
		cmocka_unit_test(test_errno_survives_the_previous_handler),
	};

	memory[T_PROT_NONE] = t_bad_page(T_PROT_NONE);
	memory[T_TRUNCATED] = t_bad_page(T_TRUNCATED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
