/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_crashes.c - faults that a guard must survive, and faults that must kill
 *
 * The cases are those of YARA's tests/test-exception.c, and faults where the guard is no longer
 * armed, or is armed for another window or thread.
 */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "bad_page.h"
#include "child.h"
#include "event.h"
#include "guard/guard.h"
#include "tool.h"

static int read_under_guard(const struct t_bad_page *m)
{
	struct mcsafe_guard guard;

	MCSAFE_TRY(&guard, m->good, 2 * (size_t)T_PAGE) {
		for (size_t i = 0; i < 2 * (size_t)T_PAGE; i += 64)
			t_read_byte(m->good + i);
	}
	MCSAFE_CATCH(&guard) {
		CHECK_EQ(guard.fault.signo, t_bad_page_signo(m->kind));
		CHECK_EQ(guard.offset, T_PAGE);
		return 1;
	}
	return 0;
}

IN_CHILD(test_half_of_a_file_is_survived)
{
	CHECK_EQ(mcsafe_install(), 0);
	for (enum t_bad_page_kind kind = T_PROT_NONE; kind <= T_TRUNCATED; kind++) {
		struct t_bad_page m = t_bad_page(kind);

		for (int round = 0; round < 100; round++)
			CHECK_EQ(read_under_guard(&m), 1);
		t_bad_page_heal(&m);
		CHECK_EQ(read_under_guard(&m), 0);
	}
}

/* In the body, but not in the window. */
static void crash_elsewhere(void *arg)
{
	struct t_bad_page right = t_bad_page(T_PROT_NONE),
			  wrong = t_bad_page(*(const enum t_bad_page_kind *)arg);
	struct mcsafe_guard guard;

	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(read_under_guard(&right), 1);
	MCSAFE_TRY(&guard, right.good, 2 * (size_t)T_PAGE) {
		t_read_byte(wrong.bad);
	}
	MCSAFE_CATCH(&guard) {
		UNREACHED("swallowed");
	}
}

static void crash_in_catch(void *arg)
{
	struct t_bad_page m = t_bad_page(*(const enum t_bad_page_kind *)arg);
	struct mcsafe_guard guard;

	CHECK_EQ(mcsafe_install(), 0);
	MCSAFE_TRY(&guard, m.bad, T_PAGE) {
		t_read_byte(m.bad);
	}
	MCSAFE_CATCH(&guard) {
		t_read_byte(m.bad);
	}
}

static void never_installed(void *arg)
{
	struct t_bad_page m = t_bad_page(*(const enum t_bad_page_kind *)arg);

	read_under_guard(&m);
}

static void after_uninstall(void *arg)
{
	struct t_bad_page m = t_bad_page(*(const enum t_bad_page_kind *)arg);

	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(read_under_guard(&m), 1);
	CHECK_EQ(mcsafe_uninstall(), 0);
	read_under_guard(&m);
}

static void an_empty_window(void *arg)
{
	struct t_bad_page m = t_bad_page(*(const enum t_bad_page_kind *)arg);

	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_call(m.bad, 0, (void (*)(void *))t_read_byte, m.bad, NULL), 4711);
}

static void test_crash_that_must_not_be_handled(void **state)
{
	static void (*const cases[])(void *) = {crash_elsewhere, crash_in_catch, never_installed,
						after_uninstall, an_empty_window};

	(void)state;
	for (enum t_bad_page_kind kind = T_PROT_NONE; kind <= T_TRUNCATED; kind++)
		for (size_t i = 0; i < T_LENGTH(cases); i++)
			t_dies(cases[i], &kind, t_bad_page_signo(kind));
}

IN_CHILD(test_blocked_signal_stays_pending)
{
	struct t_bad_page m = t_bad_page(T_TRUNCATED);

	t_make_pending(SIGUSR1);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(read_under_guard(&m), 1);
	t_expect_pending(SIGUSR1);
}

/* This thread waits in a body that would catch everything. The other thread crashes. */
static void *crash(void *arg)
{
	t_read_byte(arg);
	return NULL;
}

static void crash_of_another_thread(void *arg)
{
	struct t_bad_page m = t_bad_page(*(const enum t_bad_page_kind *)arg);
	struct mcsafe_guard guard;
	pthread_t thread;

	CHECK_EQ(mcsafe_install(), 0);
	MCSAFE_TRY(&guard, MCSAFE_ANYWHERE) {
		CHECK_EQ(pthread_create(&thread, NULL, crash, m.bad), 0);
		CHECK_EQ(pthread_join(thread, NULL), 0);
	}
	MCSAFE_CATCH(&guard) {
		UNREACHED("caught in the wrong thread");
	}
}

static void test_crash_of_another_thread_kills(void **state)
{
	(void)state;
	for (enum t_bad_page_kind kind = T_PROT_NONE; kind <= T_TRUNCATED; kind++)
		t_dies(crash_of_another_thread, &kind, t_bad_page_signo(kind));
}

static struct t_bad_page healed;
static volatile sig_atomic_t calls;

static void heal(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)ctx;
	calls++;
	CHECK_PTR_EQ(si->si_addr, healed.bad);
	t_bad_page_heal(&healed);
}

/* A fault that no guard wants reaches the previous handler, and the body goes on. */
IN_CHILD(test_the_previous_handler_gets_what_is_not_ours)
{
	struct t_bad_page m = t_bad_page(T_PROT_NONE);
	struct mcsafe_guard guard;
	volatile int bodies = 0;

	healed = t_bad_page(T_PROT_NONE);
	t_set_action(SIGSEGV, heal, SA_NODEFER, 0);
	CHECK_EQ(mcsafe_install(), 0);
	MCSAFE_TRY(&guard, m.bad, T_PAGE) {
		t_read_byte(healed.bad);
		CHECK_EQ(calls, 1);
		bodies++;
		t_read_byte(m.bad);
		UNREACHED("no fault");
	}
	MCSAFE_CATCH(&guard) {
		t_bad_page_spoil(&healed);
		t_read_byte(healed.bad);
	}
	CHECK_EQ(bodies, 1);
	CHECK_EQ(calls, 2);
}

/* A fault in the second part goes to the outer guard. */
IN_CHILD(test_a_fault_in_catch_goes_to_the_outer_guard)
{
	struct t_bad_page m = t_bad_page(T_TRUNCATED);
	/*
	 * Static, because the second part of the outer guard reads the record of the inner guard.
	 */
	static struct mcsafe_guard outer, inner = {.offset = 4711};
	volatile int inner_faults = 0, outer_faults = 0;

	CHECK_EQ(mcsafe_install(), 0);
	MCSAFE_TRY(&outer, m.bad, T_PAGE) {
		MCSAFE_TRY(&inner, m.bad, T_PAGE) {
			t_read_byte(m.bad);
		}
		MCSAFE_CATCH(&inner) {
			inner_faults++;
			CHECK_PTR_EQ(mcsafe__guard_top, &outer);
			t_read_byte(m.bad + 1);
			UNREACHED("no fault");
		}
	}
	MCSAFE_CATCH(&outer) {
		outer_faults++;
		CHECK_EQ(outer.offset, 1);
		CHECK_EQ(inner.offset, 0);
	}
	CHECK_EQ(inner_faults, 1);
	CHECK_EQ(outer_faults, 1);
	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
}

/* A copy in the body lands by its own row, which comes before the guard. */
IN_CHILD(test_copies_land_and_do_not_jump)
{
	struct t_bad_page m = t_bad_page(T_PROT_NONE);
	struct mcsafe_guard guard;
	char dst[16];
	volatile size_t left = 0;

	CHECK_EQ(mcsafe_install(), 0);
	MCSAFE_TRY(&guard, MCSAFE_ANYWHERE) {
		left = memcpy_mcsafe(dst, m.bad - 5, sizeof(dst));
	}
	MCSAFE_CATCH(&guard) {
		UNREACHED("jumped out of a copy");
	}
	CHECK_EQ(left, sizeof(dst) - 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_of_a_file_is_survived),
		NOT_WITH_VALGRIND(test_crash_that_must_not_be_handled),
		cmocka_unit_test(test_blocked_signal_stays_pending),
		NOT_WITH_VALGRIND(test_crash_of_another_thread_kills),
		cmocka_unit_test(test_the_previous_handler_gets_what_is_not_ours),
		cmocka_unit_test(test_a_fault_in_catch_goes_to_the_outer_guard),
		cmocka_unit_test(test_copies_land_and_do_not_jump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
