/* SPDX-License-Identifier: BSD-3-Clause */
/* test_restart.c - an interrupted system call is restarted if it would be without libmcsafe */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "trace.h"

/* The exit status of the child. */
enum result { RESTARTED = 10, INTERRUPTED = 11 };

struct case_ {
	int signo, flags, with_mcsafe;
};

static int fds[2];

/* So that the read ends when it is restarted. */
static void write_byte(int signo)
{
	(void)signo;
	CHECK_EQ(write(fds[1], "x", 1), 1);
}

static void read_from_pipe(void *arg)
{
	const struct case_ *c = arg;
	char byte;
	ssize_t n;

	CHECK_EQ(pipe(fds), 0);
	t_set_plain(c->signo, write_byte, c->flags);
	if (c->with_mcsafe)
		CHECK_EQ(mcsafe_install(), 0);
	T_BREAK();
	n = read(fds[0], &byte, 1);
	if (n != 1)
		CHECK_EQ(errno, EINTR);
	_exit(n == 1 ? RESTARTED : INTERRUPTED);
}

/*
 * The signal is sent when the child stops at the entry of read(2). So the call begins with a
 * pending signal, as if the signal had come while the call slept.
 */
static int result_of(struct case_ *c)
{
	pid_t pid = t_trace(read_from_pipe, c);
	struct t_stop stop = t_resume(pid, PTRACE_CONT, 0);

	assert_true(t_at_break(&stop));
	do {
		stop = t_resume(pid, PTRACE_SYSCALL, 0);
		assert_true(WIFSTOPPED(stop.status));
	} while (stop.regs.orig_rax != SYS_read);
	assert_int_equal(kill(pid, c->signo), 0);
	stop = t_resume(pid, PTRACE_CONT, 0);
	assert_int_equal(stop.si.si_signo, c->signo);
	stop = t_resume(pid, PTRACE_CONT, c->signo);
	assert_true(WIFEXITED(stop.status));
	return WEXITSTATUS(stop.status);
}

static void test_restart_is_that_of_the_previous_action(void **state)
{
	static const int signals[] = {SIGBUS, SIGSEGV};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (int with_mcsafe = 0; with_mcsafe < 2; with_mcsafe++) {
			struct case_ c = {signals[i], 0, with_mcsafe};

			assert_int_equal(result_of(&c), INTERRUPTED);
			c.flags = SA_RESTART;
			assert_int_equal(result_of(&c), RESTARTED);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart_is_that_of_the_previous_action),
	};

	t_trace_needed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
