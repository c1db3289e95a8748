/* SPDX-License-Identifier: BSD-3-Clause */
/* test_stream.c - the stream of a list belongs to the program again after each load and save */
#include <pthread.h>
#include <stdio.h>

#include <mcsafe/badblocks.h>

#include "run.h"

/* Another thread than the one that called the library: a thread may lock its own stream again. */
static void *try_lock(void *stream)
{
	if (ftrylockfile(stream) != 0)
		return NULL;
	funlockfile(stream);
	return stream;
}

static void expect_unlocked(FILE *stream)
{
	pthread_t thread;
	void *locked;

	assert_int_equal(pthread_create(&thread, NULL, try_lock, stream), 0);
	assert_int_equal(pthread_join(thread, &locked), 0);
	assert_ptr_equal(locked, stream);
}

static void test_no_call_keeps_the_lock_of_its_stream(void **state)
{
	static char good[] = "8 2\n", bad[] = "no range\n";
	struct mcsafe_badblocks *badblocks;
	size_t line = 0;
	FILE *stream;

	(void)state;
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);

	stream = fmemopen(good, sizeof(good) - 1, "r");
	assert_non_null(stream);
	assert_int_equal(mcsafe_badblocks_load(badblocks, stream, &line), 0);
	expect_unlocked(stream);
	fclose(stream);

	stream = fmemopen(bad, sizeof(bad) - 1, "r");
	assert_non_null(stream);
	assert_true(mcsafe_badblocks_load(badblocks, stream, &line) < 0);
	expect_unlocked(stream);
	fclose(stream);

	stream = tmpfile();
	assert_non_null(stream);
	assert_int_equal(mcsafe_badblocks_save(badblocks, stream), 0);
	expect_unlocked(stream);
	fclose(stream);

	stream = fopen("/dev/full", "we");
	assert_non_null(stream);
	assert_true(mcsafe_badblocks_save(badblocks, stream) < 0);
	expect_unlocked(stream);
	fclose(stream);
	mcsafe_badblocks_destroy(badblocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_call_keeps_the_lock_of_its_stream),
	};

	return t_run("badblocks.stream", tests, T_LENGTH(tests));
}
