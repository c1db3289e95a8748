/* SPDX-License-Identifier: BSD-3-Clause */
/* test_cancel.c - pthread_cancel(3) and pthread_exit(3) in each call of a scrub: nothing stays */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

#include <mcsafe/inject.h>
#include <mcsafe/scrub.h>

#include "run.h"
#include "sanitizer.h"

#define SIZE ((size_t)1 << 18)

static unsigned char memory[SIZE] __attribute__((aligned(4096)));
static struct mcsafe_badblocks *badblocks;
static sem_t reached;

/* ---- threads that are cancelled -------------------------------------------------------------- */

struct call {
	struct mcsafe_scrub *scrub;
	int (*call)(struct mcsafe_scrub *);
	bool at_once; /* a request is pending when the call begins */
	int result;
};

static void *run_call(void *arg)
{
	struct call *call = arg;

	if (call->at_once)
		pthread_cancel(pthread_self());
	call->result = call->call(call->scrub);
	return NULL;
}

static pthread_t begin_call(struct call *call)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run_call, call), 0);
	return thread;
}

static bool was_cancelled(pthread_t thread)
{
	void *result;

	assert_int_equal(pthread_join(thread, &result), 0);
	return result == PTHREAD_CANCELED;
}

static struct mcsafe_scrub *new_scrub(size_t rate, mcsafe_scrub_progress_fn progress,
				      mcsafe_scrub_found_fn found)
{
	struct mcsafe_scrub_options options = {.rate = rate, .progress = progress, .found = found};
	struct mcsafe_scrub *scrub;

	assert_int_equal(mcsafe_scrub_create(&scrub, memory, SIZE, badblocks, &options), 0);
	return scrub;
}

static size_t offset_of(const struct mcsafe_scrub *scrub)
{
	struct mcsafe_scrub_progress progress;

	mcsafe_scrub_get_progress(scrub, &progress);
	return progress.offset;
}

/* The scrub is idle: it runs to its end, in both ways. */
static void check_idle(struct mcsafe_scrub *scrub)
{
	assert_int_equal(mcsafe_scrub_run(scrub), 0);
	assert_int_equal(offset_of(scrub), SIZE);
	assert_int_equal(mcsafe_scrub_start(scrub), 0);
	assert_int_equal(mcsafe_scrub_wait(scrub), 0);
	assert_int_equal(mcsafe_badblocks_add(badblocks, SIZE, 1), 0);
	mcsafe_scrub_destroy(scrub);
	mcsafe_badblocks_destroy(badblocks);
}

static void begin(void)
{
	t_install();
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	assert_int_equal(sem_init(&reached, 0, 0), 0);
}

/* ---- functions of the caller ----------------------------------------------------------------- */

enum { NOTHING, CANCEL, EXIT };
static int what_to_do;

static int leave(void)
{
	switch (what_to_do) {
	case CANCEL:
		what_to_do = NOTHING;
		pthread_cancel(pthread_self());
		pthread_testcancel();
		break;
	case EXIT:
		what_to_do = NOTHING;
		pthread_exit(PTHREAD_CANCELED);
	default:
		break;
	}
	return 0;
}

static int leave_in_progress(const struct mcsafe_scrub_progress *progress, void *arg)
{
	(void)progress;
	(void)arg;
	return leave();
}

static int leave_in_found(const struct mcsafe_range *bad, const struct mcsafe_fault *fault,
			  void *arg)
{
	(void)bad;
	(void)fault;
	(void)arg;
	return leave();
}

static int tell(const struct mcsafe_scrub_progress *progress, void *arg)
{
	(void)progress;
	(void)arg;
	sem_post(&reached);
	return 0;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_a_run_that_is_cancelled_does_not_go_on_running(void **state)
{
	struct call run = {.call = mcsafe_scrub_run, .at_once = true};

	(void)state;
	begin();
	run.scrub = new_scrub(0, NULL, NULL);
	assert_true(was_cancelled(begin_call(&run)));
	assert_int_equal(offset_of(run.scrub), 0);
	check_idle(run.scrub);
}

static void test_a_run_is_cancelled_in_its_pause(void **state)
{
	struct call run = {.call = mcsafe_scrub_run};
	pthread_t thread;
	size_t left;

	(void)state;
	begin();
	/* A pause of more than an hour. */
	run.scrub = new_scrub(1, tell, NULL);
	thread = begin_call(&run);
	assert_int_equal(sem_wait(&reached), 0);
	pthread_cancel(thread);
	assert_true(was_cancelled(thread));
	left = offset_of(run.scrub);
	assert_in_range(left, 1, SIZE - 1);
	assert_int_equal(mcsafe_scrub_start(run.scrub), 0);
	mcsafe_scrub_destroy(run.scrub);
	mcsafe_badblocks_destroy(badblocks);
}

static void test_a_function_of_the_caller_may_end_the_thread(void **state)
{
	(void)state;
	for (int how = CANCEL; how <= EXIT; how++) {
		struct call run = {.call = mcsafe_scrub_run};

		begin();
		run.scrub = new_scrub(0, leave_in_progress, NULL);
		what_to_do = how;
		assert_true(was_cancelled(begin_call(&run)));
		assert_true(offset_of(run.scrub) > 0);
		check_idle(run.scrub);
	}
}

/* Within a step, about a page that cannot be read. */
static void test_a_found_function_may_end_the_thread(void **state)
{
	(void)state;
	for (int how = CANCEL; how <= EXIT; how++) {
		struct call run = {.call = mcsafe_scrub_run};

		begin();
		if (mcsafe_inject(memory + 4096, 4096, MCSAFE_INJECT_POISON) != 0 &&
		    mcsafe_inject(memory + 4096, 4096, MCSAFE_INJECT_EOF) != 0)
			t_skip("no SIGBUS can be injected: %s", mcsafe_inject_reason());
		run.scrub = new_scrub(0, NULL, leave_in_found);
		what_to_do = how;
		assert_true(was_cancelled(begin_call(&run)));
		assert_int_equal(what_to_do, NOTHING);
		check_idle(run.scrub);
		assert_int_equal(mcsafe_inject_clear(memory + 4096, 4096), 0);
	}
}

static void test_the_thread_of_a_scrub_may_be_ended(void **state)
{
	(void)state;
	for (int how = CANCEL; how <= EXIT; how++) {
		struct mcsafe_scrub *scrub;

		begin();
		scrub = new_scrub(0, leave_in_progress, NULL);
		what_to_do = how;
		assert_int_equal(mcsafe_scrub_start(scrub), 0);
		assert_int_equal(mcsafe_scrub_wait(scrub), -ECANCELED);
		check_idle(scrub);
	}
}

static void test_a_wait_that_is_cancelled_can_be_repeated(void **state)
{
	struct call wait = {.call = mcsafe_scrub_wait, .at_once = true};

	(void)state;
	begin();
	wait.scrub = new_scrub(1, tell, NULL);
	assert_int_equal(mcsafe_scrub_start(wait.scrub), 0);
	assert_true(was_cancelled(begin_call(&wait)));
	assert_int_equal(sem_wait(&reached), 0);
	mcsafe_scrub_cancel(wait.scrub);
	assert_int_equal(mcsafe_scrub_wait(wait.scrub), -ECANCELED);
	mcsafe_scrub_destroy(wait.scrub);
	mcsafe_badblocks_destroy(badblocks);
}

/* The ThreadSanitizer of gcc 12 reports a thread that is cancelled in its pthread_join(3). */
static void no_join_is_cancelled(void **state)
{
	(void)state;
	print_message("left out: ThreadSanitizer takes a cancelled pthread_join(3) for an error\n");
	skip();
}

/* The thread of the scrub pauses, and must be waited for. */
static int start_and_destroy(struct mcsafe_scrub *scrub)
{
	int err = mcsafe_scrub_start(scrub);

	mcsafe_scrub_destroy(scrub);
	return err;
}

static void test_destroying_is_not_cancelled(void **state)
{
	struct call call = {.call = start_and_destroy, .at_once = true, .result = -1};

	(void)state;
	begin();
	call.scrub = new_scrub(1, NULL, NULL);
	/* What follows is not reached if a call is cancelled. */
	assert_false(was_cancelled(begin_call(&call)));
	assert_int_equal(call.result, 0);
	mcsafe_badblocks_destroy(badblocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_run_that_is_cancelled_does_not_go_on_running),
		cmocka_unit_test(test_a_run_is_cancelled_in_its_pause),
		cmocka_unit_test(test_a_function_of_the_caller_may_end_the_thread),
		cmocka_unit_test(test_a_found_function_may_end_the_thread),
		cmocka_unit_test(test_the_thread_of_a_scrub_may_be_ended),
		{"test_a_wait_that_is_cancelled_can_be_repeated",
		 T_THREAD_SANITIZER ? no_join_is_cancelled
				    : test_a_wait_that_is_cancelled_can_be_repeated,
		 NULL, NULL, NULL},
		cmocka_unit_test(test_destroying_is_not_cancelled),
	};

	return t_run("scrub.cancel", tests, T_LENGTH(tests));
}
