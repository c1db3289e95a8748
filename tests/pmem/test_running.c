/* SPDX-License-Identifier: BSD-3-Clause */
/* test_running.c - running calls are counted exactly, and their end is waited for */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "async_handler.h"
#include "base/running.h"
#include "basics.h"
#include "child.h"
#include "run.h"
#include "tool.h"

#define THREADS 4
#define ROUNDS  200000u

/* What membarrier(2) answers. It is called through syscall(3). */
static volatile int refused;
static volatile unsigned barriers;

long __real_syscall(long number, long a, long b, long c);
long __wrap_syscall(long number, long a, long b, long c);
long __wrap_syscall(long number, long a, long b, long c)
{
	if (number != SYS_membarrier)
		return __real_syscall(number, a, b, c);
	barriers++;
	if (!refused)
		return __real_syscall(number, a, b, c);
	errno = EPERM;
	return -1;
}

static struct mcsafe__running running;
static volatile unsigned from_handler;

struct sums {
	size_t in, out;
};

static struct sums sums_of(const struct mcsafe__running *of)
{
	struct sums sums = {0, 0};

	for (size_t i = 0; i < MCSAFE__STRIPES; i++) {
		sums.in += atomic_load(&of->parts[i].in);
		sums.out += atomic_load(&of->parts[i].out);
	}
	for (size_t i = 0; of->processors != NULL && i < of->n_processors; i++) {
		sums.in += atomic_load(&of->processors[i].in);
		sums.out += atomic_load(&of->processors[i].out);
	}
	return sums;
}

static void begin(void)
{
	running = (struct mcsafe__running){.n_processors = 0};
	mcsafe__running_init(&running);
}

/* Between processors, if there are several. */
static void move(unsigned round)
{
	static _Atomic long n;
	cpu_set_t set;

	if (atomic_load(&n) == 0)
		atomic_store(&n, sysconf(_SC_NPROCESSORS_CONF));
	CPU_ZERO(&set);
	CPU_SET((size_t)(round % (unsigned)atomic_load(&n)), &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static void *count_often(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		mcsafe__running_enter(&running);
		if (i % 64 == 0)
			move(i / 64);
		mcsafe__running_leave(&running);
	}
	return arg;
}

static T_ASYNC_HANDLER void count_in_handler(int signo)
{
	(void)signo;
	mcsafe__running_enter(&running);
	from_handler++;
	mcsafe__running_leave(&running);
}

static void count_in_threads(void)
{
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_often, NULL), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void test_no_call_is_lost_between_threads_and_processors(void **state)
{
	struct sums sums;

	(void)state;
	begin();
	count_in_threads();
	sums = sums_of(&running);
	assert_int_equal(sums.in, THREADS * ROUNDS);
	assert_int_equal(sums.out, THREADS * ROUNDS);
	assert_false(mcsafe__running_any(&running));
	mcsafe__running_end(&running);
}

static void test_no_call_is_lost_when_signals_interrupt(void **state)
{
	const struct itimerval often = {{0, 100}, {0, 100}}, never = {{0, 0}, {0, 0}};
	struct sigaction sa = {.sa_handler = count_in_handler, .sa_flags = SA_RESTART};
	struct sums sums = {0, 0};

	(void)state;
	begin();
	from_handler = 0;
	assert_int_equal(sigaction(SIGALRM, &sa, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	for (unsigned i = 0; from_handler == 0 || (i < 100 * ROUNDS && from_handler < 500); i++) {
		mcsafe__running_enter(&running);
		mcsafe__running_leave(&running);
		sums.in = i + 1;
	}
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	signal(SIGALRM, SIG_IGN);
	sums.out = sums_of(&running).out;
	assert_int_equal(sums.out, sums.in + from_handler);
	assert_int_equal(sums_of(&running).in, sums.out);
	mcsafe__running_end(&running);
}

static struct mcsafe__running_part *counters;
static volatile unsigned moves;

/* The thread is in the middle of an addition: the counter's page cannot be written. Move it to the
 * other processor. */
static void open_and_move(int signo)
{
	cpu_set_t set;

	(void)signo;
	moves++;
	if (mprotect(counters, T_PAGE, PROT_READ | PROT_WRITE) != 0)
		_exit(3);
	CPU_ZERO(&set);
	CPU_SET(1, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		_exit(4);
}

static void test_an_interrupted_addition_begins_again_on_its_new_processor(void **state)
{
	struct sigaction sa = {.sa_handler = open_and_move}, before;
	cpu_set_t old, first;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(old), &old), 0);
	if (!CPU_ISSET(0, &old) || !CPU_ISSET(1, &old))
		t_skip("it needs processors 0 and 1");
	begin();
	if (running.processors == NULL)
		t_skip("additions are locked here");
	mcsafe__running_end(&running);
	counters = mmap(NULL, T_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(counters, MAP_FAILED);
	running.processors = counters;
	running.n_processors = 2;
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	assert_int_equal(sched_setaffinity(0, sizeof(first), &first), 0);
	assert_int_equal(sigaction(SIGSEGV, &sa, &before), 0);
	mcsafe__running_enter(&running);
	assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(old), &old), 0);
	assert_int_equal(moves, 1);
	assert_int_equal(atomic_load(&counters[0].in), 0);
	assert_int_equal(atomic_load(&counters[1].in), 1);
	assert_int_equal(munmap(counters, T_PAGE), 0);
}

/* What the thread tells the kernel: 0 while no sequence runs. */
static uintptr_t current_sequence(void)
{
	return *(const uintptr_t *)((char *)__builtin_thread_pointer() + __rseq_offset + 8);
}

/* So that the library may be unloaded: the kernel reads what the thread points to. */
static void test_the_kernel_is_not_left_a_pointer(void **state)
{
	(void)state;
	if (!mcsafe__rseq_is_there())
		t_skip("the C library has registered no restartable sequences");
	begin();
	mcsafe__running_enter(&running);
	mcsafe__running_leave(&running);
	assert_int_equal(current_sequence(), 0);
	mcsafe__running_end(&running);
}

/* ---- the wait -------------------------------------------------------------------------------- */

static _Atomic int step;

static void *leave_late(void *arg)
{
	mcsafe__running_enter(&running);
	atomic_store(&step, 1);
	for (unsigned i = 0; i < 50; i++)
		sched_yield();
	usleep(20000);
	atomic_store(&step, 2);
	mcsafe__running_leave(&running);
	return arg;
}

static void wait_for_one(void)
{
	pthread_t thread;

	atomic_store(&step, 0);
	assert_int_equal(pthread_create(&thread, NULL, leave_late, NULL), 0);
	while (atomic_load(&step) == 0)
		sched_yield();
	assert_true(mcsafe__running_any(&running) || atomic_load(&step) == 2);
	mcsafe__running_wait(&running);
	assert_int_equal(atomic_load(&step), 2);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void test_the_wait_ends_after_the_last_call(void **state)
{
	(void)state;
	begin();
	for (unsigned i = 0; i < 5; i++)
		wait_for_one();
	mcsafe__running_end(&running);
}

/* A plain addition would be no barrier, so none is made. */
static void test_without_membarrier_additions_are_locked(void **state)
{
	(void)state;
	refused = 1;
	begin();
	refused = 0;
	assert_null(running.processors);
	wait_for_one();
	count_in_threads();
	assert_int_equal(sums_of(&running).in, THREADS * ROUNDS + 1);
	mcsafe__running_end(&running);
}

static void test_a_sandbox_may_refuse_membarrier_later(void **state)
{
	(void)state;
	begin();
	refused = 1;
	wait_for_one();
	refused = 0;
	mcsafe__running_end(&running);
}

static void test_the_wait_has_other_processors_write_their_buffers(void **state)
{
	unsigned before;

	(void)state;
	begin();
	before = barriers;
	mcsafe__running_wait(&running);
	assert_int_equal(barriers, before + (running.processors != NULL));
	mcsafe__running_end(&running);
}

/* A thread that the C library has not registered finds a huge number as that of its processor. */
static void test_a_processor_without_a_counter_is_counted_elsewhere(void **state)
{
	struct sums parts;

	(void)state;
	begin();
	if (running.processors == NULL)
		t_skip("additions are locked here");
	running.n_processors = 0;
	mcsafe__running_enter(&running);
	assert_int_equal(current_sequence(), 0);
	parts = sums_of(&running);
	assert_int_equal(parts.in, 1);
	assert_int_equal(parts.out, 0);
	mcsafe__running_leave(&running);
	assert_false(mcsafe__running_any(&running));
	mcsafe__running_end(&running);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_call_is_lost_between_threads_and_processors),
		/* The runtime of ThreadSanitizer delays signals. */
		NOT_WITH_TSAN(test_no_call_is_lost_when_signals_interrupt),
		/* With ThreadSanitizer all additions are locked. */
		NOT_WITH_TSAN(test_an_interrupted_addition_begins_again_on_its_new_processor),
		cmocka_unit_test(test_the_kernel_is_not_left_a_pointer),
		cmocka_unit_test(test_the_wait_ends_after_the_last_call),
		cmocka_unit_test(test_without_membarrier_additions_are_locked),
		cmocka_unit_test(test_a_sandbox_may_refuse_membarrier_later),
		cmocka_unit_test(test_the_wait_has_other_processors_write_their_buffers),
		NOT_WITH_TSAN(test_a_processor_without_a_counter_is_counted_elsewhere),
	};

	return t_run("pmem.running", tests, T_LENGTH(tests));
}
