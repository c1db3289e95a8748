/* SPDX-License-Identifier: BSD-3-Clause */
/* test_thread_end.c - the stack of a prepared thread that ends while others of its keys remain */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "child.h"

static pthread_key_t late;
static stack_t at_the_end;
static bool has_run;

/* Runs after the destructor of the library: glibc goes by the numbers of keys. */
static void look(void *arg)
{
	(void)arg;
	CHECK_EQ(sigaltstack(NULL, &at_the_end), 0);
	has_run = true;
}

static void *prepare_and_end(void *arg)
{
	stack_t live;

	(void)arg;
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	CHECK_EQ(sigaltstack(NULL, &live), 0);
	CHECK_EQ(live.ss_flags & SS_DISABLE, 0);
	CHECK_EQ(pthread_setspecific(late, &late), 0);
	return NULL;
}

/* Otherwise a signal that arrives meanwhile would be delivered to memory that is no longer mapped,
 * or is somebody else's by now. */
IN_CHILD(test_the_stack_is_taken_away_before_it_is_unmapped)
{
	pthread_t thread;

	/* The library makes its key at the first call, and so before ours. */
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	CHECK_EQ(mcsafe_thread_release(), 0);
	CHECK_EQ(pthread_key_create(&late, look), 0);
	CHECK_EQ(pthread_create(&thread, NULL, prepare_and_end, NULL), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(has_run);
	CHECK_EQ(at_the_end.ss_flags, SS_DISABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_stack_is_taken_away_before_it_is_unmapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
