/* SPDX-License-Identifier: BSD-3-Clause */
/* test_run.c - scrubs run in the caller or in a thread, pause, are cancelled and continue */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <mcsafe/handler.h>
#include <mcsafe/scrub.h>

#include "child.h"
#include "run.h"

#define SIZE ((size_t)1 << 20)

static unsigned char memory[SIZE] __attribute__((aligned(4096)));

/* ---- our own clock: nobody waits for anything ------------------------------------------------ */

static bool our_clock;
static struct timespec now;
static size_t sleeps;
/* Posted when a pause begins, by the thread that has just checked whether it was cancelled. */
static sem_t pausing;

static long interrupted_at; /* the end of the pause that was interrupted last */

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __real_sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until);

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	if (!our_clock)
		return __real_clock_gettime(clock, time);
	assert_int_equal(clock, CLOCK_MONOTONIC);
	*time = now;
	return 0;
}

int __wrap_sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until)
{
	if (!our_clock) {
		sem_post(&pausing);
		return __real_sem_clockwait(sem, clock, until);
	}
	assert_int_equal(clock, CLOCK_MONOTONIC);
	assert_in_range(until->tv_nsec, 0, 999999999);
	/* A handler has run: the pause goes on. */
	if (interrupted_at != until->tv_nsec) {
		interrupted_at = until->tv_nsec;
		errno = EINTR;
		return -1;
	}
	interrupted_at = -1;
	now = *until;
	sleeps++;
	errno = ETIMEDOUT;
	return -1;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static struct mcsafe_badblocks *new_registry(void)
{
	struct mcsafe_badblocks *badblocks;

	t_install();
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	return badblocks;
}

static struct mcsafe_scrub *new_scrub(struct mcsafe_badblocks *badblocks,
				      const struct mcsafe_scrub_options *options)
{
	struct mcsafe_scrub *scrub;

	assert_int_equal(mcsafe_scrub_create(&scrub, memory, SIZE, badblocks, options), 0);
	return scrub;
}

static size_t offset_of(const struct mcsafe_scrub *scrub)
{
	struct mcsafe_scrub_progress progress;

	mcsafe_scrub_get_progress(scrub, &progress);
	return progress.offset;
}

static void test_wrong_arguments_are_refused(void **state)
{
	struct mcsafe_badblocks *badblocks = new_registry();
	struct mcsafe_scrub *const untouched = (void *)memory;
	struct mcsafe_scrub *scrub = untouched;
	struct mcsafe_scrub_options options = {.start = 101};

	(void)state;
	errno = 4711;
	assert_int_equal(mcsafe_scrub_create(&scrub, memory, 100, badblocks, &options), -EINVAL);
	options = (struct mcsafe_scrub_options){.recheck = 2};
	assert_int_equal(mcsafe_scrub_create(&scrub, memory, 100, badblocks, &options), -EINVAL);
	assert_int_equal(mcsafe_scrub_create(&scrub, memory, SIZE_MAX, badblocks, NULL), -EINVAL);
	assert_ptr_equal(scrub, untouched);
	assert_int_equal(mcsafe_scrub_create(&scrub, memory, 0, badblocks, NULL), 0);
	assert_int_equal(mcsafe_scrub_run(scrub), 0);
	assert_int_equal(mcsafe_scrub_wait(scrub), -EINVAL);
	mcsafe_scrub_destroy(scrub);
	mcsafe_scrub_destroy(NULL);
	mcsafe_badblocks_destroy(badblocks);
	assert_int_equal(errno, 4711);
}

/* Scrubs SIZE bytes at that rate. The last step has no pause after it. */
static void run_at(size_t rate)
{
	struct mcsafe_badblocks *badblocks = new_registry();
	struct mcsafe_scrub_options options = {.rate = rate};
	struct mcsafe_scrub *scrub = new_scrub(badblocks, &options);
	double seconds, least = (double)(SIZE - 65536) / (double)rate;

	now = (struct timespec){1000, 999999999};
	sleeps = 0;
	interrupted_at = -1;
	our_clock = true;
	assert_int_equal(mcsafe_scrub_run(scrub), 0);
	our_clock = false;
	seconds = (double)(now.tv_sec - 1000) + ((double)now.tv_nsec - 999999999.) / 1e9;
	print_message("%zu bytes at %zu a second: %zu pauses, %f seconds\n", SIZE, rate, sleeps,
		      seconds);
	assert_true(seconds >= least - 1e-6);
	assert_true(seconds <= (double)SIZE / (double)rate);
	assert_in_range(sleeps, SIZE / 65536 - 1, SIZE_MAX);
	/* A low rate has short pauses: 1/16 s, or the time that a page takes. */
	assert_true(seconds / (double)sleeps <= 0.0626 || rate < 16 * T_PAGE);
	mcsafe_scrub_destroy(scrub);
	mcsafe_badblocks_destroy(badblocks);
}

static void test_the_rate_is_kept(void **state)
{
	(void)state;
	run_at((size_t)100 << 30);
	run_at(SIZE);
	run_at(300000);
	run_at(4096);
	run_at(3);
}

static int stop_after(const struct mcsafe_scrub_progress *progress, void *arg)
{
	size_t *left = arg;

	(void)progress;
	return (*left)-- == 1;
}

static void test_a_stopped_run_continues(void **state)
{
	struct mcsafe_badblocks *badblocks = new_registry();
	size_t steps = 3;
	struct mcsafe_scrub_options options = {.progress = stop_after, .arg = &steps};
	struct mcsafe_scrub *scrub = new_scrub(badblocks, &options);

	(void)state;
	assert_int_equal(offset_of(scrub), 0);
	assert_int_equal(mcsafe_scrub_run(scrub), -ECANCELED);
	assert_int_equal(offset_of(scrub), 3 * 65536);
	steps = 1;
	assert_int_equal(mcsafe_scrub_run(scrub), -ECANCELED);
	assert_int_equal(offset_of(scrub), 4 * 65536);
	steps = 1000;
	assert_int_equal(mcsafe_scrub_run(scrub), 0);
	assert_int_equal(steps, 1000 - (SIZE / 65536 - 4));
	assert_int_equal(offset_of(scrub), SIZE);
	mcsafe_scrub_destroy(scrub);

	/* The second part could be in another process. */
	options.start = SIZE - 65536 - 5;
	steps = 1000;
	scrub = new_scrub(badblocks, &options);
	assert_int_equal(mcsafe_scrub_run(scrub), 0);
	assert_int_equal(steps, 998);
	mcsafe_scrub_destroy(scrub);
	mcsafe_badblocks_destroy(badblocks);
}

static struct mcsafe_scrub *of_handler;

static void cancel_in_handler(int signo)
{
	(void)signo;
	mcsafe_scrub_cancel(of_handler);
}

static int raise_signal(const struct mcsafe_scrub_progress *progress, void *arg)
{
	(void)progress;
	raise(*(int *)arg);
	return 0;
}

static void test_a_handler_may_cancel(void **state)
{
	struct sigaction action = {.sa_handler = cancel_in_handler}, saved;
	struct mcsafe_badblocks *badblocks = new_registry();
	int signo = SIGUSR1;
	/* One byte a second: unless the run is woken up, it sleeps for a day. */
	struct mcsafe_scrub_options options = {.rate = 1, .progress = raise_signal, .arg = &signo};
	struct mcsafe_scrub *scrub = new_scrub(badblocks, &options);

	(void)state;
	of_handler = scrub;
	assert_int_equal(sigaction(SIGUSR1, &action, &saved), 0);
	assert_int_equal(mcsafe_scrub_run(scrub), -ECANCELED);
	assert_int_equal(offset_of(scrub), T_PAGE);
	assert_int_equal(mcsafe_scrub_run(scrub), -ECANCELED);
	assert_int_equal(offset_of(scrub), 2 * T_PAGE);
	assert_int_equal(sigaction(SIGUSR1, &saved, NULL), 0);
	/*
	 * If the cancellation comes before a run, that run ends at once, and the next one does not.
	 */
	mcsafe_scrub_cancel(scrub);
	mcsafe_scrub_cancel(scrub);
	assert_int_equal(mcsafe_scrub_run(scrub), -ECANCELED);
	assert_int_equal(offset_of(scrub), 2 * T_PAGE);
	mcsafe_scrub_destroy(scrub);
	mcsafe_badblocks_destroy(badblocks);
}

struct seen {
	pthread_t thread;
	sigset_t mask;
	int policy;
	int lacks;
};

static int look_around(const struct mcsafe_scrub_progress *progress, void *arg)
{
	struct seen *seen = arg;
	struct sched_param param;

	(void)progress;
	seen->thread = pthread_self();
	seen->lacks = mcsafe_thread_check();
	pthread_sigmask(SIG_SETMASK, NULL, &seen->mask);
	if (pthread_getschedparam(pthread_self(), &seen->policy, &param) != 0)
		seen->policy = -1;
	return 0;
}

static struct mcsafe_scrub *waited_for;
static sem_t has_waited;

static int wait_for_itself(const struct mcsafe_scrub_progress *progress, void *arg)
{
	(void)progress;
	*(int *)arg = mcsafe_scrub_wait(waited_for);
	sem_post(&has_waited);
	return 0;
}

/* It would wait for ever. Afterwards others can wait for it. */
static void test_a_thread_cannot_wait_for_itself(void **state)
{
	struct mcsafe_badblocks *badblocks = new_registry();
	int result = 4711;
	struct mcsafe_scrub_options options = {.progress = wait_for_itself, .arg = &result};

	(void)state;
	assert_int_equal(sem_init(&has_waited, 0, 0), 0);
	waited_for = new_scrub(badblocks, &options);
	assert_int_equal(mcsafe_scrub_start(waited_for), 0);
	while (sem_wait(&has_waited) != 0)
		;
	assert_int_equal(mcsafe_scrub_wait(waited_for), 0);
	assert_int_equal(result, -EINVAL);
	mcsafe_scrub_destroy(waited_for);
	mcsafe_badblocks_destroy(badblocks);
}

static void test_a_thread_scrubs_and_is_cancelled(void **state)
{
	struct mcsafe_badblocks *badblocks = new_registry();
	struct seen seen;
	struct mcsafe_scrub_options options = {.rate = 1, .progress = look_around, .arg = &seen};
	struct mcsafe_scrub *scrub = new_scrub(badblocks, &options);
	sigset_t before, after;

	(void)state;
	sem_init(&pausing, 0, 0);
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(mcsafe_scrub_start(scrub), 0);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	/* The kernel writes fewer bytes than a sigset_t has. */
	assert_memory_equal(&before, &after, _NSIG / 8);
	assert_int_equal(mcsafe_scrub_start(scrub), -EBUSY);
	assert_int_equal(mcsafe_scrub_run(scrub), -EBUSY);
	while (sem_wait(&pausing) != 0)
		;
	mcsafe_scrub_cancel(scrub);
	assert_int_equal(mcsafe_scrub_wait(scrub), -ECANCELED);
	assert_int_equal(offset_of(scrub), T_PAGE);
	assert_false(pthread_equal(seen.thread, pthread_self()));
	assert_int_equal(seen.lacks, 0);
	assert_int_equal(seen.policy, SCHED_IDLE);
	assert_true(sigismember(&seen.mask, SIGTERM) && sigismember(&seen.mask, SIGALRM));
	assert_false(sigismember(&seen.mask, SIGBUS) || sigismember(&seen.mask, SIGSEGV));

	/* The scrub is destroyed in its pause. */
	assert_int_equal(mcsafe_scrub_wait(scrub), -EINVAL);
	assert_int_equal(mcsafe_scrub_start(scrub), 0);
	while (sem_wait(&pausing) != 0)
		;
	mcsafe_scrub_destroy(scrub);

	options.rate = 0;
	scrub = new_scrub(badblocks, &options);
	assert_int_equal(mcsafe_scrub_start(scrub), 0);
	assert_int_equal(mcsafe_scrub_wait(scrub), 0);
	assert_int_equal(offset_of(scrub), SIZE);
	mcsafe_scrub_destroy(scrub);
	mcsafe_badblocks_destroy(badblocks);
	sem_destroy(&pausing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_arguments_are_refused),
		cmocka_unit_test(test_the_rate_is_kept),
		cmocka_unit_test(test_a_stopped_run_continues),
		cmocka_unit_test(test_a_handler_may_cancel),
		NOT_WITH_TSAN(test_a_thread_cannot_wait_for_itself),
		cmocka_unit_test(test_a_thread_scrubs_and_is_cancelled),
	};

	return t_run("scrub.run", tests, T_LENGTH(tests));
}
