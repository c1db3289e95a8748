/* SPDX-License-Identifier: BSD-3-Clause */
/* test_on_top.c - handlers installed over ours, which pass signals on to ours or do not */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bad_page.h"
#include "child.h"
#include "event.h"
#include "tool.h"
#include "trace.h"

static const int signals[] = {SIGBUS, SIGSEGV};

static struct t_bad_page memory;

/* The lowest handler: it heals the memory and counts. */
static int bottom_calls;

static void bottom(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)si;
	(void)ctx;
	bottom_calls++;
	t_bad_page_heal(&memory);
}

/* Two handlers as any library might have them: they pass all signals on to what they found. */
struct chaining {
	struct sigaction below[2];
	int calls;
};

static struct chaining first, second;

static void pass_on(struct chaining *self, int signo, siginfo_t *si, void *ctx)
{
	const struct sigaction *below = &self->below[signo == SIGSEGV];

	self->calls++;
	CHECK(below->sa_flags & SA_SIGINFO);
	below->sa_sigaction(signo, si, ctx);
}

static void on_first(int signo, siginfo_t *si, void *ctx)
{
	pass_on(&first, signo, si, ctx);
}

static void on_second(int signo, siginfo_t *si, void *ctx)
{
	pass_on(&second, signo, si, ctx);
}

static void on_first_twice(int signo, siginfo_t *si, void *ctx)
{
	pass_on(&first, signo, si, ctx);
	pass_on(&first, signo, si, ctx);
}

static void put_on_top(struct chaining *self, void (*handler)(int, siginfo_t *, void *))
{
	for (size_t i = 0; i < 2; i++) {
		self->below[i] = t_get_action(signals[i]);
		t_set_action(signals[i], handler, 0, 0);
	}
}

static void set_both(void (*handler)(int, siginfo_t *, void *))
{
	t_set_action(SIGBUS, handler, 0, 0);
	t_set_action(SIGSEGV, handler, 0, 0);
}

/* A copy lands. A fault of other code, and a signal that was sent, reach the lowest one once. */
static void expect_calls(int first_calls, int second_calls)
{
	char dst[8];

	t_bad_page_spoil(&memory);
	first.calls = second.calls = bottom_calls = 0;
	CHECK_EQ(memcpy_mcsafe(dst, memory.bad - 3, sizeof(dst)), sizeof(dst) - 3);
	CHECK_EQ(bottom_calls, 0);
	CHECK_LE(first.calls, 1);
	CHECK_LE(second.calls, 1);

	for (int sent = 0; sent < 2; sent++) {
		t_bad_page_spoil(&memory);
		first.calls = second.calls = bottom_calls = 0;
		t_cause(sent ? T_KILL : T_FAULT, t_bad_page_signo(memory.kind), &memory);
		CHECK_EQ(bottom_calls, 1);
		CHECK_EQ(first.calls, first_calls);
		CHECK_EQ(second.calls, second_calls);
	}
}

static void top_that_chains(void *arg)
{
	(void)arg;
	set_both(bottom);
	CHECK_EQ(mcsafe_install(), 0);
	put_on_top(&first, on_first);
	CHECK_EQ(mcsafe_installed(), 0);
	expect_calls(1, 0);

	/*
	 * Ours is over it now. It still passes on to ours, which then passes on to the older one.
	 */
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_installed(), 1);
	expect_calls(1, 0);

	/* Over ours again, which knows it. It runs once above ours, and once below. */
	for (int round = 0; round < 20; round++) {
		put_on_top(&first, on_first);
		CHECK_EQ(mcsafe_installed(), 0);
		expect_calls(2, 0);
		CHECK_EQ(mcsafe_install(), 0);
		expect_calls(1, 0);
	}
}

static void two_on_top(void *arg)
{
	(void)arg;
	set_both(bottom);
	CHECK_EQ(mcsafe_install(), 0);
	put_on_top(&first, on_first);
	put_on_top(&second, on_second);
	expect_calls(1, 1);
	CHECK_EQ(mcsafe_install(), 0);
	expect_calls(1, 1);

	/* In turns: each handler finds ours below, and ours has found each of them. */
	put_on_top(&first, on_first);
	CHECK_EQ(mcsafe_install(), 0);
	put_on_top(&second, on_second);
	CHECK_EQ(mcsafe_install(), 0);
	for (int round = 0; round < 20; round++) {
		expect_calls(1, 1);
		put_on_top(&first, on_first);
		expect_calls(2, 1);
		CHECK_EQ(mcsafe_install(), 0);
		expect_calls(1, 1);
		put_on_top(&second, on_second);
		expect_calls(1, 2);
		CHECK_EQ(mcsafe_install(), 0);
	}
}

/* Ours does not remember a signal that it has passed on. */
static void top_that_chains_twice(void *arg)
{
	(void)arg;
	set_both(bottom);
	CHECK_EQ(mcsafe_install(), 0);
	put_on_top(&first, on_first_twice);
	t_cause(T_KILL, t_bad_page_signo(memory.kind), &memory);
	CHECK_EQ(first.calls, 2);
	CHECK_EQ(bottom_calls, 2);
}

/* After mcsafe_uninstall() it is the live handler, and it still passes on to ours. */
static void uninstalled_with_one_on_top(void *arg)
{
	(void)arg;
	set_both(bottom);
	CHECK_EQ(mcsafe_install(), 0);
	put_on_top(&first, on_first);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_uninstall(), 0);
	CHECK_PTR_EQ(t_get_action(SIGBUS).sa_sigaction, on_first);
	CHECK_PTR_EQ(t_get_action(SIGSEGV).sa_sigaction, on_first);
	expect_calls(1, 0); /* what it passes on to is the entry that was below it */
}

static sigjmp_buf back;

static void leave(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)si;
	(void)ctx;
	siglongjmp(back, 1);
}

static bool copy_is_lost(void)
{
	char dst[8];

	if (sigsetjmp(back, 1))
		return true;
	CHECK_EQ(memcpy_mcsafe(dst, memory.bad, sizeof(dst)), sizeof(dst));
	return false;
}

/* Ours is not called until it is installed over the other one again. */
static void top_that_does_not_chain(void *arg)
{
	(void)arg;
	for (int round = 0; round < 3; round++) {
		CHECK_EQ(mcsafe_install(), 0);
		CHECK_EQ(mcsafe_installed(), 1);
		CHECK(!copy_is_lost());
		set_both(leave);
		CHECK_EQ(mcsafe_installed(), 0);
		CHECK(copy_is_lost());
	}
	CHECK_EQ(mcsafe_install(), 0);
	if (!sigsetjmp(back, 1)) {
		t_read_byte(memory.bad);
		UNREACHED("the handler that was found on top gets what is not ours");
	}
	CHECK_EQ(mcsafe_installed(), 1);
}

/* If it is covered on one signal only, the other signal works. */
static void top_of_one_signal(void *arg)
{
	int other = memory.kind == T_PROT_NONE ? SIGBUS : SIGSEGV;

	(void)arg;
	CHECK_EQ(mcsafe_install(), 0);
	t_set_action(other, leave, 0, 0);
	CHECK_EQ(mcsafe_installed(), 0);
	CHECK(!copy_is_lost());
}

static void (*const bodies[])(void *) = {
	top_that_chains,         top_that_chains_twice, two_on_top, uninstalled_with_one_on_top,
	top_that_does_not_chain, top_of_one_signal,
};

static void test_every_stack_of_handlers_works(void **state)
{
	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		memory = t_bad_page((enum t_bad_page_kind)kind);
		for (size_t i = 0; i < T_LENGTH(bodies); i++) {
			print_message("stack %zu, signal %d\n", i, t_bad_page_signo(memory.kind));
			t_bad_page_spoil(
				&memory); /* a child that heals the file heals it for all */
			t_survives(bodies[i], NULL);
		}
	}
}

/* The same stack of handlers, with the default action below it. */
static void die_below_a_top_that_chains(void *arg)
{
	CHECK_EQ(mcsafe_install(), 0);
	put_on_top(&first, on_first);
	CHECK_EQ(mcsafe_install(), 0);
	if (*(int *)arg)
		put_on_top(&first, on_first);
	t_read_byte(memory.bad);
}

static void test_the_oldest_is_the_default(void **state)
{
	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		memory = t_bad_page((enum t_bad_page_kind)kind);
		for (int again = 0; again < 2; again++) {
			pid_t pid = t_trace(die_below_a_top_that_chains, &again);
			struct t_stop stop = t_resume(pid, PTRACE_CONT, 0);
			int signo = t_bad_page_signo(memory.kind);

			assert_int_equal(stop.si.si_signo, signo);
			stop = t_resume(pid, PTRACE_CONT, signo);
			assert_true(WIFSTOPPED(stop.status));
			assert_int_equal(stop.si.si_signo, signo);
			assert_int_equal(stop.si.si_code, t_bad_page_code(memory.kind));
			assert_ptr_equal(stop.si.si_addr, memory.bad);
			assert_int_equal(stop.regs.rip, (uintptr_t)t_read_byte);
			stop = t_resume(pid, PTRACE_CONT, signo);
			t_expect_death(stop.status, signo, "a fault that nobody handles", __FILE__,
				       __LINE__);
		}
	}
}

/* As CPython's faulthandler: it restores the action that it found, ours, and raises the signal. */
static struct sigaction found_below[2];
static int *t_told;

static void tell_and_raise(int signo)
{
	++*t_told;
	CHECK_EQ(sigaction(signo, &found_below[signo == SIGSEGV], NULL), 0);
	CHECK_EQ(raise(signo), 0);
}

static void top_that_steps_aside(void *arg)
{
	(void)arg;
	CHECK_EQ(mcsafe_install(), 0);
	for (size_t i = 0; i < 2; i++) {
		found_below[i] = t_get_action(signals[i]);
		t_set_plain(signals[i], tell_and_raise, SA_NODEFER);
	}
	CHECK_EQ(mcsafe_install(), 0);
	t_read_byte(memory.bad);
}

static void test_top_that_steps_aside_and_raises(void **state)
{
	(void)state;
	t_told = t_shared(sizeof(*t_told));
	for (int kind = 0; kind < 2; kind++) {
		memory = t_bad_page((enum t_bad_page_kind)kind);
		*t_told = 0;
		t_dies(top_that_steps_aside, NULL, t_bad_page_signo(memory.kind));
		assert_int_equal(*t_told, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_stack_of_handlers_works),
		NOT_WITH_VALGRIND(test_the_oldest_is_the_default),
		cmocka_unit_test(test_top_that_steps_aside_and_raises),
	};

	t_trace_needed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
