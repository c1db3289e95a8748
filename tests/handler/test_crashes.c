/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_crashes.c - crashes that must stay crashes, and those that must not be one
 *
 * These mistakes were made by libraries that catch SIGBUS and SIGSEGV for their host: a crash of
 * the host, or of another thread, was swallowed; a blocked signal was unblocked; a count was wrong
 * at some distance from the bad page. Each case runs in a process of its own.
 */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "bad_page.h"
#include "child.h"
#include "event.h"
#include "overrun.h"
#include "tool.h"

static void lands(enum t_bad_page_kind kind)
{
	struct t_bad_page m = t_bad_page(kind);
	char dst[64];

	CHECK_EQ(memcpy_mcsafe(dst, m.bad - 7, sizeof(dst)), sizeof(dst) - 7);
	CHECK_MEM_EQ(dst, m.bad - 7, 7);
}

/* A scanner whose own mapping loses its second half. */
IN_CHILD(test_own_mapping_is_survived)
{
	CHECK_EQ(mcsafe_install(), 0);
	lands(T_TRUNCATED);
	lands(T_PROT_NONE);
}

/* The same fault outside a copy belongs to the host. */
static void touch_bad(void *arg)
{
	struct t_bad_page m = t_bad_page(*(const enum t_bad_page_kind *)arg);

	CHECK_EQ(mcsafe_install(), 0);
	lands(m.kind);
	t_read_byte(m.bad);
}

static void write_bad(void *arg)
{
	struct t_bad_page m = t_bad_page(*(const enum t_bad_page_kind *)arg);

	CHECK_EQ(mcsafe_install(), 0);
	lands(m.kind);
	t_write_byte(m.bad);
}

static void after_uninstall(void *arg)
{
	struct t_bad_page m = t_bad_page(*(const enum t_bad_page_kind *)arg);
	char dst[8];

	CHECK_EQ(mcsafe_install(), 0);
	lands(m.kind);
	CHECK_EQ(mcsafe_uninstall(), 0);
	CHECK_EQ(memcpy_mcsafe(dst, m.bad, sizeof(dst)), 1234); /* not recovered any more */
}

static void never_installed(void *arg)
{
	struct t_bad_page m = t_bad_page(*(const enum t_bad_page_kind *)arg);
	char dst[8];

	CHECK_EQ(memcpy_mcsafe(dst, m.bad, sizeof(dst)), 1234);
}

static void test_crash_that_must_not_be_handled(void **state)
{
	static void (*const cases[])(void *) = {touch_bad, write_bad, after_uninstall,
						never_installed};

	(void)state;
	for (enum t_bad_page_kind kind = T_PROT_NONE; kind <= T_TRUNCATED; kind++)
		for (size_t i = 0; i < T_LENGTH(cases); i++)
			t_dies(cases[i], &kind, t_bad_page_signo(kind));
}

IN_CHILD(test_blocked_signal_stays_pending)
{
	t_make_pending(SIGUSR1);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	lands(T_PROT_NONE);
	lands(T_TRUNCATED);
	CHECK_EQ(mcsafe_thread_release(), 0);
	CHECK_EQ(mcsafe_uninstall(), 0);
	t_expect_pending(SIGUSR1);
}

/* A thread crashes while another one recovers from faults all the time. */
static void *recover_for_ever(void *arg)
{
	for (;;)
		lands(*(const enum t_bad_page_kind *)arg);
	return NULL;
}

static void *crash(void *arg)
{
	(void)arg;
	t_write_byte(NULL);
	return NULL;
}

static void crash_of_another_thread(void *arg)
{
	pthread_t recovering, crashing;

	CHECK_EQ(mcsafe_install(), 0);
	lands(T_PROT_NONE);
	CHECK_EQ(pthread_create(&recovering, NULL, recover_for_ever, arg), 0);
	CHECK_EQ(pthread_create(&crashing, NULL, crash, NULL), 0);
	CHECK_EQ(pthread_join(crashing, NULL), 0);
}

static void test_crash_of_another_thread_kills(void **state)
{
	enum t_bad_page_kind kind = T_PROT_NONE;

	(void)state;
	t_dies(crash_of_another_thread, &kind, SIGSEGV);
}

/* The host overruns its stack, with and without an alternate stack. */
static void *overrun_in_thread(void *arg)
{
	if (*(const int *)arg)
		CHECK_EQ(mcsafe_thread_prepare(), 0);
	lands(T_TRUNCATED);
	CHECK_EQ(t_overrun_stack(), 0);
	return NULL;
}

static void stack_overrun(void *arg)
{
	pthread_t thread;

	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(pthread_create(&thread, NULL, overrun_in_thread, arg), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void test_stack_overrun_kills(void **state)
{
	(void)state;
	for (int prepared = 0; prepared < 2; prepared++)
		t_dies(stack_overrun, &prepared, SIGSEGV);
}

/* Crashes in code that runs on a stack of its own, as fibers do, past its guard page. */
static ucontext_t main_context, fiber_context;

static void fiber(void)
{
	lands(T_PROT_NONE);
	CHECK_EQ(t_overrun_stack(), 0);
}

static void crash_in_a_fiber(void *arg)
{
	char *stack =
		mmap(NULL, 16 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_PTR_NE(stack, MAP_FAILED);
	CHECK_EQ(mprotect(stack, T_PAGE, PROT_NONE), 0);
	CHECK_EQ(mcsafe_install(), 0);
	if (*(const int *)arg)
		CHECK_EQ(mcsafe_thread_prepare(), 0);
	CHECK_EQ(getcontext(&fiber_context), 0);
	fiber_context.uc_stack.ss_sp = stack;
	fiber_context.uc_stack.ss_size = 16 * T_PAGE;
	fiber_context.uc_link = &main_context;
	makecontext(&fiber_context, fiber, 0);
	CHECK_EQ(swapcontext(&main_context, &fiber_context), 0);
}

static void test_crash_in_a_fiber_kills(void **state)
{
	(void)state;
	for (int prepared = 0; prepared < 2; prepared++)
		t_dies(crash_in_a_fiber, &prepared, SIGSEGV);
}

/* Crashes in what the library calls: a function for notices, and the previous handler. */
static void crash_on_notice(const struct mcsafe_notice *notice, void *arg)
{
	(void)notice;
	t_write_byte(arg);
}

static void crash_in_a_notice_function(void *arg)
{
	siginfo_t si;

	(void)arg;
	CHECK_EQ(mcsafe_on_notice(crash_on_notice, NULL), 0);
	CHECK_EQ(mcsafe_install(), 0);
	memset(&si, 0, sizeof(si));
	si.si_signo = SIGBUS;
	si.si_code = BUS_MCEERR_AO;
	CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &si), 0);
}

static void crash_again(int signo)
{
	(void)signo;
	t_write_byte(NULL);
}

static void crash_in_the_previous_handler(void *arg)
{
	(void)arg;
	t_set_plain(SIGSEGV, crash_again, 0);
	CHECK_EQ(mcsafe_install(), 0);
	t_write_byte((void *)8);
}

static void test_crash_in_what_we_call_kills(void **state)
{
	(void)state;
	t_dies(crash_in_a_notice_function, NULL, SIGSEGV);
	t_dies(crash_in_the_previous_handler, NULL, SIGSEGV);
}

/* The host's own handler still sees its own crashes, with its message. */
static int *seen;

static void host_message(int signo, siginfo_t *si, void *ctx)
{
	(void)ctx;
	*seen = signo == SIGSEGV && si->si_addr == (void *)8 && si->si_code == SEGV_MAPERR;
	_exit(42);
}

static void crash_of_a_host_that_reports(void *arg)
{
	(void)arg;
	t_set_action(SIGSEGV, host_message, 0, 0);
	CHECK_EQ(mcsafe_install(), 0);
	lands(T_PROT_NONE);
	t_write_byte((void *)8);
}

static void test_host_still_prints_its_own_message(void **state)
{
	int status;

	(void)state;
	seen = t_shared(sizeof(*seen));
	status = t_in_child(crash_of_a_host_that_reports, NULL);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
	assert_int_equal(*seen, 1);
}

/*
 * The matrix of distances: each operation and side, each signal, the bad page 0 to 64 bytes away,
 * each alignment of the other side that matters to words.
 */
#define FAR 64

struct matrix_row {
	const char *name;
	enum mcsafe_side side;
	size_t (*run)(char *bad_side, char *good_side, size_t n, struct mcsafe_fault *fault);
};

static size_t copy_in(char *bad, char *good, size_t n, struct mcsafe_fault *fault)
{
	return mcsafe_memcpy(good, bad, n, fault);
}

static size_t copy_out(char *bad, char *good, size_t n, struct mcsafe_fault *fault)
{
	return mcsafe_memcpy(bad, good, n, fault);
}

static size_t copy_out_and_flush(char *bad, char *good, size_t n, struct mcsafe_fault *fault)
{
	return mcsafe_memcpy_flushcache(bad, good, n, fault);
}

static size_t zero_out(char *bad, char *good, size_t n, struct mcsafe_fault *fault)
{
	(void)good;
	return mcsafe_memset(bad, 0, n, fault);
}

static const struct matrix_row matrix[] = {
	{"copy in", MCSAFE_SIDE_SOURCE, copy_in},
	{"copy out", MCSAFE_SIDE_DESTINATION, copy_out},
	{"copy out and flush", MCSAFE_SIDE_DESTINATION, copy_out_and_flush},
	{"zero out", MCSAFE_SIDE_DESTINATION, zero_out},
};

struct matrix_case {
	const struct matrix_row *row;
	enum t_bad_page_kind kind;
};

static void each_distance(void *arg)
{
	const struct matrix_case *c = arg;
	struct t_bad_page m = t_bad_page(c->kind);
	char good[3 * FAR], before[3 * FAR], source[FAR];

	CHECK_EQ(mcsafe_install(), 0);
	for (size_t distance = 0; distance <= FAR; distance++)
		for (size_t align = 0; align < 8; align++) {
			char *bad_side = m.bad - distance, *good_side = good + align;
			struct mcsafe_fault fault;
			size_t n = distance + 1 + align, left;

			for (size_t i = 0; i < sizeof(good); i++)
				before[i] = good[i] = (char)(i * 5 + distance + 3);
			memcpy(source, bad_side, distance < FAR ? distance : FAR);
			left = c->row->run(bad_side, good_side, n, &fault);
			CHECK_EQ(left, n - distance);
			CHECK_EQ(fault.signo, t_bad_page_signo(c->kind));
			CHECK_PTR_EQ(fault.addr, m.bad);
			CHECK_EQ(fault.side, c->row->side);
			if (c->row->side == MCSAFE_SIDE_SOURCE) {
				CHECK_MEM_EQ(good_side, source, distance);
				memcpy(before + align, source, distance);
			} else if (c->row->run == zero_out) {
				for (size_t i = 0; i < distance; i++)
					CHECK_EQ(bad_side[i], 0);
			} else {
				CHECK_MEM_EQ(bad_side, good_side, distance);
			}
			CHECK_MEM_EQ(good, before, sizeof(good));
		}
}

static void test_every_distance_of_both_signals_is_counted_right(void **state)
{
	(void)state;
	for (enum t_bad_page_kind kind = T_PROT_NONE; kind <= T_TRUNCATED; kind++)
		for (size_t i = 0; i < T_LENGTH(matrix); i++) {
			struct matrix_case c = {&matrix[i], kind};

			t_expect_exit(t_in_child(each_distance, &c), matrix[i].name, __FILE__,
				      __LINE__);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_mapping_is_survived),
		NOT_WITH_VALGRIND(test_crash_that_must_not_be_handled),
		cmocka_unit_test(test_blocked_signal_stays_pending),
		cmocka_unit_test(test_crash_of_another_thread_kills),
		cmocka_unit_test(test_stack_overrun_kills),
		cmocka_unit_test(test_crash_in_a_fiber_kills),
		NOT_WITH_VALGRIND(test_crash_in_what_we_call_kills),
		cmocka_unit_test(test_host_still_prints_its_own_message),
		cmocka_unit_test(test_every_distance_of_both_signals_is_counted_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
