/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_vendored.c - several copies of the library in one process: plugins that have it inside
 *
 * This program links none. It opens plugins, each with a copy of its own, over its own handler. The
 * handlers of the copies call each other, with one siginfo.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bad_page.h"
#include "child.h"
#include "event.h"
#include "trace.h"
#include "vendored_copy.h"

static const char *const files[] = {T_VENDORED_COPIES};

#define COPIES T_LENGTH(files) /* more than there is room for marks in a siginfo */

static const struct vendored *copies[COPIES];
static struct t_bad_page memory[2]; /* by enum t_bad_page_kind */

static void open_plugins(void)
{
	for (size_t i = 0; i < COPIES; i++) {
		void *plugin = dlopen(files[i], RTLD_NOW | RTLD_LOCAL);

		if (plugin == NULL)
			fprintf(stderr, "%s\n", dlerror());
		CHECK_PTR_NE(plugin, NULL);
		copies[i] = dlsym(plugin, "vendored");
		CHECK_PTR_NE(copies[i], NULL);
		if (i > 0)
			CHECK_PTR_NE(copies[i]->install, copies[i - 1]->install);
	}
}

static void install(size_t n)
{
	for (size_t i = 0; i < n; i++)
		CHECK_EQ(copies[i]->install(), 0);
}

static volatile int calls;

static void host(int signo, siginfo_t *si, void *ctx)
{
	(void)ctx;
	calls++;
	if (si->si_code == t_bad_page_code(T_PROT_NONE) || si->si_code == BUS_ADRERR)
		t_bad_page_heal(&memory[signo == SIGSEGV ? T_PROT_NONE : T_TRUNCATED]);
}

/* Each copy recovers its own copies. */
static void expect_recovery(size_t n)
{
	for (int kind = 0; kind < 2; kind++)
		for (size_t i = 0; i < n; i++) {
			char dst[16];

			t_bad_page_spoil(&memory[kind]);
			CHECK_EQ(copies[i]->copy(dst, memory[kind].bad - 7, sizeof(dst)),
				 sizeof(dst) - 7);
		}
}

IN_CHILD(test_host_gets_once_what_is_nobodys)
{
	t_set_action(SIGBUS, host, 0, 0);
	t_set_action(SIGSEGV, host, 0, 0);
	for (size_t n = 1; n <= COPIES; n++) {
		install(n); /* one more */
		for (int kind = 0; kind < 2; kind++) {
			calls = 0;
			t_bad_page_spoil(&memory[kind]);
			t_read_byte(memory[kind].bad);
			CHECK_EQ(calls, 1);
			CHECK_EQ(raise(t_bad_page_signo((enum t_bad_page_kind)kind)), 0);
			CHECK_EQ(calls, 2);
		}
		calls = 0;
		expect_recovery(n);
		CHECK_EQ(calls, 0);
	}
}

/* A notice is for all. */
IN_CHILD(test_each_copy_takes_a_notice_once)
{
	t_set_action(SIGBUS, host, 0, 0);
	install(4);
	for (size_t i = 0; i < 4; i++)
		CHECK_EQ(copies[i]->want_notices(), 0);
	for (int round = 1; round <= 3; round++) {
		t_cause(T_NOTICE, SIGBUS, NULL);
		CHECK_EQ(calls, round);
		for (size_t i = 0; i < 4; i++)
			CHECK_EQ(copies[i]->read_notices(), 1);
	}
}

/* On top, and again on top: it passes the signal on to where it came from. */
static struct sigaction below;

static void pass_on(int signo, siginfo_t *si, void *ctx)
{
	calls += 100;
	below.sa_sigaction(signo, si, ctx);
}

IN_CHILD(test_ring_of_two_copies_and_a_handler_ends)
{
	t_set_action(SIGSEGV, host, 0, 0);
	install(2);
	below = t_get_action(SIGSEGV);
	t_set_action(SIGSEGV, pass_on, SA_ONSTACK, 0);
	/* Over a handler that calls the second copy. */
	install(2);
	t_bad_page_spoil(&memory[T_PROT_NONE]);
	t_read_byte(memory[T_PROT_NONE].bad);
	CHECK_EQ(calls % 100, 1);
	expect_recovery(2);
}

IN_CHILD(test_copies_are_uninstalled_from_the_top)
{
	struct sigaction before;

	t_set_action(SIGBUS, host, 0, 0);
	t_set_action(SIGSEGV, host, 0, 0);
	before = t_get_action(SIGBUS);
	install(2);
	CHECK_EQ(copies[0]->uninstall(), -EBUSY);
	CHECK_EQ(copies[1]->uninstall(), 0);
	expect_recovery(1);
	CHECK_EQ(copies[0]->uninstall(), 0);
	CHECK_PTR_EQ(t_get_action(SIGBUS).sa_sigaction, before.sa_sigaction);
}

struct death {
	enum t_event event;
	int signo;
	size_t n;
};

static void die(void *arg)
{
	const struct death *death = arg;

	install(death->n);
	t_cause(death->event, death->signo, &memory[death->signo == SIGSEGV ? 0 : 1]);
}

/* With its own siginfo, and with the registers of the program, not with those of a handler. */
static void test_death_is_the_same_through_all_copies(void **state)
{
	(void)state;
	_Static_assert(T_PROT_NONE == 0 && T_TRUNCATED == 1, "as in die()");
	for (int signo = SIGBUS; signo <= SIGSEGV; signo += SIGSEGV - SIGBUS)
		for (enum t_event event = T_FAULT; event < T_EVENTS; event++) {
			struct t_stop first = {.status = 0};

			if (!t_event_exists(event, signo) || event == T_NOTICE)
				continue;
			for (size_t n = 0; n <= 4; n++) {
				struct death death = {event, signo, n};
				struct t_stop last = {.status = 0}, next;
				pid_t pid = t_trace(die, &death);
				int pass = 0;

				for (;;) {
					next = t_resume(pid, PTRACE_CONT, pass);
					if (!WIFSTOPPED(next.status))
						break;
					last = next;
					pass = WSTOPSIG(next.status);
				}
				t_expect_death(next.status, signo, t_event_name(event), __FILE__,
					       __LINE__);
				if (n == 0)
					first = last;
				assert_int_equal(last.si.si_code, first.si.si_code);
				if (first.si.si_code > 0)
					assert_ptr_equal(last.si.si_addr, first.si.si_addr);
				assert_int_equal(last.regs.rip, first.regs.rip);
				assert_int_equal(last.regs.rsp, first.regs.rsp);
			}
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host_gets_once_what_is_nobodys),
		cmocka_unit_test(test_each_copy_takes_a_notice_once),
		cmocka_unit_test(test_ring_of_two_copies_and_a_handler_ends),
		cmocka_unit_test(test_copies_are_uninstalled_from_the_top),
		NOT_WITH_TSAN(test_death_is_the_same_through_all_copies),
	};

	t_trace_needed();
	memory[T_PROT_NONE] = t_bad_page(T_PROT_NONE);
	memory[T_TRUNCATED] = t_bad_page(T_TRUNCATED);
	open_plugins();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
