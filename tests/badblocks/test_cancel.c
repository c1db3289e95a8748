/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_cancel.c - pthread_cancel(3) in each call that changes, saves, loads or asks: nothing stays
 *
 * A request is pending when a call begins, so that the first cancellation point would act on it. No
 * call has one.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <mcsafe/badblocks.h>

#include "badblocks/registry.h"
#include "run.h"

static struct mcsafe_badblocks *badblocks;
static FILE *file;
static int asked;

static int do_add(void)
{
	return mcsafe_badblocks_add(badblocks, 4096, 4096);
}

static int do_clear(void)
{
	return mcsafe_badblocks_clear(badblocks, 4096, 100);
}

static int do_save(void)
{
	return mcsafe_badblocks_save(badblocks, file);
}

static int do_load(void)
{
	size_t line;

	rewind(file);
	return mcsafe_badblocks_load(badblocks, file, &line);
}

/* The answer depends on the machine. */
static int do_ask(void)
{
	struct mcsafe_badblocks_answer answer = {.state = MCSAFE_BADBLOCKS_FOUND};

	(void)mcsafe_badblocks_ask(badblocks, asked, &answer);
	return 0;
}

static int do_create_and_destroy(void)
{
	struct mcsafe_badblocks *other;
	int err = mcsafe_badblocks_create(&other);

	if (err == 0)
		mcsafe_badblocks_destroy(other);
	return err;
}

struct call {
	int (*call)(void);
	int result;
	int returned;
};

static void *run_cancelled(void *arg)
{
	struct call *call = arg;

	pthread_cancel(pthread_self());
	call->result = call->call();
	call->returned = 1;
	/* The request is still pending. */
	pthread_testcancel();
	call->returned = 2;
	return NULL;
}

static void cancel(int (*function)(void))
{
	struct call call = {.call = function, .result = -1};
	pthread_t thread;
	void *result;

	assert_int_equal(pthread_create(&thread, NULL, run_cancelled, &call), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_int_equal(call.returned, 1);
	assert_ptr_equal(result, PTHREAD_CANCELED);
	assert_int_equal(call.result, 0);
	assert_int_equal(pthread_mutex_trylock(&badblocks->lock), 0);
	pthread_mutex_unlock(&badblocks->lock);
	assert_int_equal(ftrylockfile(file), 0);
	funlockfile(file);
}

static void test_no_call_is_a_cancellation_point(void **state)
{
	char name[] = "/tmp/mcsafe-cancel-XXXXXX";
	int fd = mkstemp(name), next, next_after;

	(void)state;
	assert_true(fd >= 0);
	unlink(name);
	file = fdopen(fd, "w+");
	assert_non_null(file);
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	next = dup(fd);
	close(next);
	cancel(do_create_and_destroy);
	cancel(do_add);
	cancel(do_clear);
	/* Without a buffer, each line is a system call. */
	assert_int_equal(setvbuf(file, NULL, _IONBF, 0), 0);
	cancel(do_save);
	assert_int_equal(mcsafe_badblocks_clear(badblocks, 0, SIZE_MAX), 0);
	cancel(do_load);
	assert_int_equal(mcsafe_badblocks_bytes(badblocks), 3996);
	/* A file on a disk, one in memory, and a device: their ways differ. */
	asked = fd;
	cancel(do_ask);
	asked = open("/dev/null", O_RDONLY | O_CLOEXEC);
	cancel(do_ask);
	close(asked);
	/* No descriptor has stayed open. */
	next_after = dup(fd);
	assert_int_equal(next_after, next);
	close(next_after);
	fclose(file);
	mcsafe_badblocks_destroy(badblocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_call_is_a_cancellation_point),
	};

	return t_run("badblocks.cancel", tests, T_LENGTH(tests));
}
