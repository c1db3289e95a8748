/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_notices.c - BUS_MCEERR_AO: noted, counted, given to a function, and passed on
 *
 * A process may queue any siginfo to itself, so the tests need no memory error. A notice of the
 * kernel is tested by tests/vm/scenarios/special.toml. It is an ordinary signal, which can be
 * blocked. It tells the start and the size of the page to one thread that asked for it.
 */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bad_page.h"
#include "child.h"

static void notify(void *addr, int lsb)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	si.si_signo = SIGBUS;
	si.si_code = BUS_MCEERR_AO;
	si.si_addr = addr;
	si.si_addr_lsb = (short)lsb;
	CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGBUS, &si), 0);
}

#define PLACE(n) ((void *)((uintptr_t)(n) << 12))

static volatile sig_atomic_t calls, previous_calls, host_result;
static struct mcsafe_notice seen;
static void *seen_arg;

static void look(const struct mcsafe_notice *notice, void *arg)
{
	seen = *notice;
	seen_arg = arg;
	calls++;
	errno = 1;
}

static void previous(int signo, siginfo_t *si, void *ctx)
{
	(void)ctx;
	CHECK_EQ(signo, SIGBUS);
	CHECK_EQ(si->si_code, BUS_MCEERR_AO);
	CHECK_PTR_EQ(si->si_addr, PLACE(7));
	previous_calls++;
}

static void host(int signo, siginfo_t *si, void *ctx)
{
	host_result = mcsafe_handle_signal(signo, si, ctx);
}

static void expect_queue(size_t n, size_t expected_lost)
{
	struct mcsafe_notice notices[MCSAFE_NOTICE_ROOM];
	size_t lost = 99;

	CHECK_EQ(mcsafe_notice_read(notices, MCSAFE_NOTICE_ROOM, &lost), n);
	CHECK_EQ(lost, expected_lost);
}

IN_CHILD(test_nothing_is_noted_unasked)
{
	CHECK_EQ(mcsafe_install(), 0);
	notify(PLACE(7), 12); /* SIG_DFL: survived */
	expect_queue(0, 0);
	CHECK_EQ(mcsafe_uninstall(), 0);

	t_set_action(SIGBUS, previous, 0, 0);
	CHECK_EQ(mcsafe_install(), 0);
	notify(PLACE(7), 12);
	CHECK_EQ(previous_calls, 1);
	CHECK_EQ(mcsafe_uninstall(), 0);

	t_set_action(SIGBUS, host, 0, 0);
	host_result = 99;
	notify(PLACE(7), 12);
	CHECK_EQ(host_result, 0);
	expect_queue(0, 0);
}

static bool time_is_between(const struct timespec *a, const struct timespec *t,
			    const struct timespec *b)
{
	return (a->tv_sec < t->tv_sec || (a->tv_sec == t->tv_sec && a->tv_nsec <= t->tv_nsec)) &&
	       (t->tv_sec < b->tv_sec || (t->tv_sec == b->tv_sec && t->tv_nsec <= b->tv_nsec));
}

IN_CHILD(test_function_and_queue_tell_what_was_lost)
{
	struct timespec before, after;
	struct mcsafe_notice read;
	size_t lost;

	errno = 4711;
	CHECK_EQ(mcsafe_on_notice(look, &seen), 0);
	CHECK_EQ(errno, 4711);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(clock_gettime(CLOCK_REALTIME, &before), 0);
	notify(PLACE(7), 21);
	CHECK_EQ(clock_gettime(CLOCK_REALTIME, &after), 0);
	CHECK_EQ(errno, 4711);
	CHECK_EQ(calls, 1);
	CHECK_PTR_EQ(seen_arg, &seen);
	CHECK_PTR_EQ(seen.addr, PLACE(7));
	CHECK_EQ(seen.extent, 1 << 21);
	CHECK(time_is_between(&before, &seen.time, &after));
	for (size_t i = 0; i < 4; i++)
		CHECK_PTR_EQ(seen.reserved[i], NULL);
	CHECK_EQ(mcsafe_notice_read(&read, 1, &lost), 1);
	CHECK_EQ(lost, 0);
	CHECK_MEM_EQ(&read, &seen, sizeof(read));
	expect_queue(0, 0);

	notify(PLACE(8), 0);
	CHECK_EQ(calls, 2);
	CHECK_PTR_EQ(seen.addr, PLACE(8));
	CHECK_EQ(seen.extent, 0);
	/* No kernel says so much. */
	notify(PLACE(9), 64);
	CHECK_PTR_EQ(seen.addr, PLACE(9));
	CHECK_EQ(seen.extent, 0);
	CHECK_EQ(mcsafe_on_notice(NULL, NULL), 0);
	notify(PLACE(9), 12);
	CHECK_EQ(calls, 3);
	expect_queue(3, 0);
}

static struct sigaction ours;

static void on_top(int signo, siginfo_t *si, void *ctx)
{
	calls++;
	ours.sa_sigaction(signo, si, ctx);
}

/* The host gets its own notices, and a loop of handlers notes each notice once. */
IN_CHILD(test_notice_goes_on_to_the_previous_handler)
{
	t_set_action(SIGBUS, previous, 0, 0);
	CHECK_EQ(mcsafe_on_notice(NULL, NULL), 0);
	CHECK_EQ(mcsafe_install(), 0);
	notify(PLACE(7), 12);
	CHECK_EQ(previous_calls, 1);
	expect_queue(1, 0);

	ours = t_get_action(SIGBUS);
	t_set_action(SIGBUS, on_top, 0, 0);
	CHECK_EQ(mcsafe_install(), 0);
	notify(PLACE(7), 12);
	CHECK_EQ(calls, 1);
	CHECK_EQ(previous_calls, 2);
	expect_queue(1, 0);
}

IN_CHILD(test_host_is_told_that_it_was_noted)
{
	t_set_action(SIGBUS, host, 0, 0);
	CHECK_EQ(mcsafe_notice_thread(1), 0);
	notify(PLACE(7), 12);
	CHECK_EQ(host_result, 1);
	expect_queue(1, 0);
}

/* A host below our handler asks also. The notice is noted once, and the host is told so. */
IN_CHILD(test_host_below_our_handler_asks_too)
{
	t_set_action(SIGBUS, host, 0, 0);
	CHECK_EQ(mcsafe_install(), 0);
	notify(PLACE(7), 12);
	CHECK_EQ(host_result, 0);
	CHECK_EQ(mcsafe_on_notice(look, NULL), 0);
	notify(PLACE(7), 12);
	CHECK_EQ(host_result, 1);
	CHECK_EQ(calls, 1);
	expect_queue(1, 0);
}

IN_CHILD(test_ignored_and_default_are_noted_and_survived)
{
	CHECK_EQ(mcsafe_on_notice(look, NULL), 0);
	for (int i = 1; i <= 2; i++) {
		CHECK_PTR_NE(signal(SIGBUS, i == 1 ? SIG_DFL : SIG_IGN), SIG_ERR);
		CHECK_EQ(mcsafe_install(), 0);
		notify(PLACE(7), 12);
		CHECK_EQ(calls, i);
		CHECK_EQ(mcsafe_uninstall(), 0);
	}
	expect_queue(2, 0);
}

IN_CHILD(test_overflow_is_counted_and_the_oldest_are_kept)
{
	struct mcsafe_notice notice;
	size_t lost;

	CHECK_EQ(mcsafe_on_notice(look, NULL), 0);
	CHECK_EQ(mcsafe_install(), 0);
	for (int round = 0; round < 3; round++) {
		calls = 0;
		for (uintptr_t i = 0; i < MCSAFE_NOTICE_ROOM + 44; i++)
			notify(PLACE(i + 1), 12);
		CHECK_EQ(calls, MCSAFE_NOTICE_ROOM + 44);
		for (uintptr_t i = 0; i < MCSAFE_NOTICE_ROOM; i++) {
			CHECK_EQ(mcsafe_notice_read(&notice, 1, NULL), 1);
			CHECK_PTR_EQ(notice.addr, PLACE(i + 1));
		}
		CHECK_EQ(mcsafe_notice_read(&notice, 1, &lost), 0);
		CHECK_EQ(lost, 44);
		CHECK_EQ(mcsafe_notice_read(&notice, 1, &lost), 0);
		CHECK_EQ(lost, 0);
	}
}

/*
 * Several threads get notices, and several threads read them. Each notice is read once, or counted
 * as lost. The notices of one thread stay in order.
 */
#define WRITERS 3
#define READERS 2
#define EACH    20000

static _Atomic int writing;
static _Atomic size_t n_read, n_called;
static _Atomic unsigned char read_once[WRITERS][EACH];

static void count(const struct mcsafe_notice *notice, void *arg)
{
	(void)notice;
	CHECK_PTR_EQ(arg, &n_called);
	atomic_fetch_add(&n_called, 1);
}

static void *write_notices(void *arg)
{
	uintptr_t writer = (uintptr_t)arg;

	for (uintptr_t i = 0; i < EACH; i++)
		notify(PLACE(writer * EACH + i + 1), 12);
	atomic_fetch_sub(&writing, 1);
	return NULL;
}

static void *read_notices(void *arg)
{
	struct mcsafe_notice notices[7];
	uintptr_t last[WRITERS] = {0};
	int was_writing;
	size_t n;

	(void)arg;
	do {
		was_writing = atomic_load(&writing);
		n = mcsafe_notice_read(notices, 7, NULL);
		for (size_t i = 0; i < n; i++) {
			uintptr_t number = ((uintptr_t)notices[i].addr >> 12) - 1;

			CHECK_LT(number, WRITERS * EACH);
			CHECK_GT(number + 1, last[number / EACH]);
			last[number / EACH] = number + 1;
			CHECK_EQ(atomic_fetch_add(&read_once[number / EACH][number % EACH], 1), 0);
		}
		atomic_fetch_add(&n_read, n);
	} while (n != 0 || was_writing);
	return NULL;
}

IN_CHILD(test_many_threads_at_the_queue_lose_nothing_unseen)
{
	pthread_t threads[WRITERS + READERS];
	size_t lost;

	CHECK_EQ(mcsafe_on_notice(count, &n_called), 0);
	CHECK_EQ(mcsafe_install(), 0);
	atomic_store(&writing, WRITERS);
	for (uintptr_t i = 0; i < WRITERS + READERS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL,
					i < WRITERS ? write_notices : read_notices, (void *)i),
			 0);
	for (size_t i = 0; i < WRITERS + READERS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(mcsafe_notice_read(NULL, 0, &lost), 0);
	CHECK_EQ(atomic_load(&n_called), WRITERS * EACH);
	CHECK_EQ(atomic_load(&n_read) + lost, WRITERS * EACH);
	CHECK_GE(atomic_load(&n_read), MCSAFE_NOTICE_ROOM);
}

/* Function and argument are exchanged while notices come, and are never mixed. */
static char arg_of[2];

static void first_function(const struct mcsafe_notice *notice, void *arg)
{
	(void)notice;
	CHECK_PTR_EQ(arg, &arg_of[0]);
	atomic_fetch_add(&n_called, 1);
}

static void second_function(const struct mcsafe_notice *notice, void *arg)
{
	(void)notice;
	CHECK_PTR_EQ(arg, &arg_of[1]);
	atomic_fetch_add(&n_called, 1);
}

IN_CHILD(test_function_is_exchanged_meanwhile)
{
	pthread_t threads[2];

	CHECK_EQ(mcsafe_on_notice(first_function, &arg_of[0]), 0);
	CHECK_EQ(mcsafe_install(), 0);
	atomic_store(&writing, 2);
	for (uintptr_t i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, write_notices, (void *)i), 0);
	while (atomic_load(&writing) != 0) {
		CHECK_EQ(mcsafe_on_notice(second_function, &arg_of[1]), 0);
		CHECK_EQ(mcsafe_on_notice(first_function, &arg_of[0]), 0);
	}
	for (size_t i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(atomic_load(&n_called), 2 * EACH);
}

static int policy(void)
{
	return prctl(PR_MCE_KILL_GET, 0, 0, 0, 0);
}

static void *inherited_policy(void *arg)
{
	*(int *)arg = policy();
	return NULL;
}

IN_CHILD(test_thread_policy_is_set_and_given_back)
{
	static const int policies[] = {PR_MCE_KILL_DEFAULT, PR_MCE_KILL_LATE, PR_MCE_KILL_EARLY};
	pthread_t thread;
	int inherited = -1;

	errno = 4711;
	for (size_t i = 0; i < 3; i++) {
		CHECK_EQ(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, policies[i], 0, 0), 0);
		CHECK_EQ(mcsafe_notice_thread(0), 0);
		CHECK_EQ(policy(), policies[i]);
		CHECK_EQ(mcsafe_notice_thread(1), 0);
		CHECK_EQ(policy(), PR_MCE_KILL_EARLY);
		CHECK_EQ(mcsafe_notice_thread(1), 0);
		CHECK_EQ(policy(), PR_MCE_KILL_EARLY);
		CHECK_EQ(pthread_create(&thread, NULL, inherited_policy, &inherited), 0);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		CHECK_EQ(inherited, PR_MCE_KILL_EARLY);
		CHECK_EQ(mcsafe_notice_thread(0), 0);
		CHECK_EQ(policy(), policies[i]);
		CHECK_EQ(mcsafe_notice_thread(0), 0);
		CHECK_EQ(policy(), policies[i]);
	}
	CHECK_EQ(mcsafe_notice_thread(2), -EINVAL);
	CHECK_EQ(mcsafe_notice_thread(-1), -EINVAL);
	CHECK_EQ(errno, 4711);
}

IN_CHILD(test_child_starts_with_an_empty_queue)
{
	int status;
	pid_t pid;

	CHECK_EQ(mcsafe_on_notice(look, NULL), 0);
	CHECK_EQ(mcsafe_install(), 0);
	for (uintptr_t i = 0; i < MCSAFE_NOTICE_ROOM + 5; i++)
		notify(PLACE(i + 1), 12);
	pid = fork();
	CHECK_GE(pid, 0);
	if (pid == 0) {
		expect_queue(0, 0);
		calls = 0;
		notify(PLACE(3), 12);
		CHECK_EQ(calls, 1);
		expect_queue(1, 0);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	expect_queue(MCSAFE_NOTICE_ROOM, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_noted_unasked),
		cmocka_unit_test(test_function_and_queue_tell_what_was_lost),
		cmocka_unit_test(test_notice_goes_on_to_the_previous_handler),
		cmocka_unit_test(test_host_is_told_that_it_was_noted),
		cmocka_unit_test(test_host_below_our_handler_asks_too),
		cmocka_unit_test(test_ignored_and_default_are_noted_and_survived),
		cmocka_unit_test(test_overflow_is_counted_and_the_oldest_are_kept),
		cmocka_unit_test(test_many_threads_at_the_queue_lose_nothing_unseen),
		cmocka_unit_test(test_function_is_exchanged_meanwhile),
		cmocka_unit_test(test_thread_policy_is_set_and_given_back),
		cmocka_unit_test(test_child_starts_with_an_empty_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
