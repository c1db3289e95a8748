/* SPDX-License-Identifier: BSD-3-Clause */
/* test_thread_end.c - the stack of a prepared thread that ends while others of its keys remain */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

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

#define STACK ((size_t)256 * 1024)

static stack_t of_the_thread;

/* The thread has a stack of its own, before or after it is prepared. */
static void *end_on_own_stack(void *before)
{
	stack_t live;

	if (before != NULL)
		CHECK_EQ(sigaltstack(&of_the_thread, NULL), 0);
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	if (before == NULL)
		CHECK_EQ(sigaltstack(&of_the_thread, NULL), 0);
	CHECK_EQ(sigaltstack(NULL, &live), 0);
	CHECK_PTR_EQ(live.ss_sp, of_the_thread.ss_sp);
	CHECK_EQ(pthread_setspecific(late, &late), 0);
	return NULL;
}

IN_CHILD(test_a_stack_of_the_program_stays)
{
	pthread_t thread;

	CHECK_EQ(mcsafe_thread_prepare(), 0);
	CHECK_EQ(mcsafe_thread_release(), 0);
	CHECK_EQ(pthread_key_create(&late, look), 0);
	of_the_thread.ss_size = STACK;
	of_the_thread.ss_sp = malloc(STACK);
	for (int before = 0; before < 2; before++) {
		has_run = false;
		CHECK_EQ(pthread_create(&thread, NULL, end_on_own_stack, before ? &late : NULL), 0);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		CHECK(has_run);
		CHECK_PTR_EQ(at_the_end.ss_sp, of_the_thread.ss_sp);
		CHECK_EQ(at_the_end.ss_flags, 0);
	}
}

/* The program has taken our stack away, or uses a part of it. It must put it back first. */
IN_CHILD(test_a_stack_that_is_not_as_it_was_is_not_released)
{
	stack_t ours, other;

	CHECK_EQ(mcsafe_thread_prepare(), 0);
	CHECK_EQ(sigaltstack(NULL, &ours), 0);
	for (int i = 0; i < 3; i++) {
		other = ours;
		other.ss_flags = i == 0 ? SS_DISABLE : 0;
		other.ss_size -= i == 1 ? 4096 : 0;
		other.ss_sp = (char *)ours.ss_sp + (i == 2 ? 4096 : 0);
		CHECK_EQ(sigaltstack(&other, NULL), 0);
		CHECK_EQ(mcsafe_thread_release(), -EBUSY);
	}
	CHECK_EQ(sigaltstack(&ours, NULL), 0);
	CHECK_EQ(mcsafe_thread_release(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_stack_is_taken_away_before_it_is_unmapped),
		cmocka_unit_test(test_a_stack_of_the_program_stays),
		cmocka_unit_test(test_a_stack_that_is_not_as_it_was_is_not_released),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
