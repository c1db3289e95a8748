/* SPDX-License-Identifier: BSD-3-Clause */
/* test_cost.c - how many system calls each function makes, counted by ptrace(2) */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "bad_page.h"
#include "child.h"
#include "trace.h"

static struct t_bad_page memory;
static char dst[64];

static void install(void)
{
	CHECK_EQ(mcsafe_install(), 0);
}

static void ask(void)
{
	CHECK_EQ(mcsafe_installed(), 1);
}

static void handle(void)
{
	static ucontext_t ctx;
	static siginfo_t si = {.si_signo = SIGBUS, .si_code = BUS_ADRERR};

	CHECK_EQ(mcsafe_handle_signal(SIGBUS, &si, &ctx), 0);
}

static void copy(void)
{
	CHECK_EQ(memcpy_mcsafe(dst, memory.good + 3, sizeof(dst)), 0);
}

static void copy_bad(void)
{
	struct mcsafe_fault fault;

	CHECK_EQ(mcsafe_memcpy(dst, memory.bad - 3, sizeof(dst), &fault), sizeof(dst) - 3);
}

/* In this order; mcsafe_install() has been called and undone before. */
static const struct step {
	const char *name;
	void (*run)(void);
	int system_calls;
} steps[] = {
	{"mcsafe_install", install, 9},      {"mcsafe_installed", ask, 2},
	{"mcsafe_handle_signal", handle, 0}, {"a copy", copy, 0},
	{"a copy that faults", copy_bad, 1}, /* sigreturn(2) */
};

static void run_steps(void *arg)
{
	(void)arg;
	install();
	CHECK_EQ(mcsafe_uninstall(), 0);
	for (size_t i = 0; i < T_LENGTH(steps); i++) {
		T_BREAK();
		steps[i].run();
	}
	T_BREAK();
}

static void test_each_step_makes_as_many_system_calls_as_promised(void **state)
{
	pid_t pid = t_trace(run_steps, NULL);
	struct t_stop stop = t_resume(pid, PTRACE_CONT, 0);

	(void)state;
	for (size_t i = 0; i < T_LENGTH(steps); i++) {
		int stops = 0, signo = 0;

		assert_true(t_at_break(&stop));
		stop = t_resume(pid, PTRACE_SYSCALL, 0);
		while (WIFSTOPPED(stop.status) && !t_at_break(&stop)) {
			signo = WSTOPSIG(stop.status);
			if (signo == (SIGTRAP | 0x80)) { /* PTRACE_O_TRACESYSGOOD */
				stops++;
				signo = 0;
			}
			stop = t_resume(pid, PTRACE_SYSCALL, signo);
		}
		if (stops != 2 * steps[i].system_calls) /* one stop on the way in, one out */
			fail_msg("%s: %d stops at system calls, expected %d", steps[i].name, stops,
				 2 * steps[i].system_calls);
	}
	t_trace_end(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_step_makes_as_many_system_calls_as_promised),
	};

	t_trace_needed();
	memory = t_bad_page(T_PROT_NONE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
