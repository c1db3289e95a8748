/* SPDX-License-Identifier: BSD-3-Clause */
/* test_cancel.c - a thread that is cancelled leaves nothing of the injection component behind */
#include <mcsafe/inject.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "basics.h"
#include "run.h"

static unsigned char *page;

static void inject(void)
{
	assert_int_equal(mcsafe_inject(page, T_PAGE, MCSAFE_INJECT_PROTECT), 0);
}

static void clear(void)
{
	assert_int_equal(mcsafe_inject_clear(page, T_PAGE), 0);
}

static void ask(void)
{
	assert_int_equal(mcsafe_inject_supported(MCSAFE_INJECT_PROTECT), 0);
}

static void set_schedule(void)
{
	assert_int_equal(mcsafe_inject_schedule("copy:1000000"), 0);
	assert_int_equal(mcsafe_inject_schedule(NULL), 0);
}

struct call {
	void (*call)(void);
	bool returned;
};

/* The request is pending, so the first cancellation point would act on it. */
static void *call_while_cancelled(void *arg)
{
	struct call *call = arg;

	pthread_cancel(pthread_self());
	call->call();
	call->returned = true;
	pthread_testcancel();
	return NULL;
}

static void test_a_cancelled_thread_finishes_its_call_first(void **state)
{
	/* In this order: what is injected is cleared. */
	static void (*const calls[])(void) = {ask, inject, clear, set_schedule};

	(void)state;
	page = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(page, MAP_FAILED);
	for (size_t i = 0; i < T_LENGTH(calls); i++) {
		struct call call = {calls[i], false};
		pthread_t thread;
		void *result;

		assert_int_equal(pthread_create(&thread, NULL, call_while_cancelled, &call), 0);
		assert_int_equal(pthread_join(thread, &result), 0);
		assert_ptr_equal(result, PTHREAD_CANCELED);
		assert_true(call.returned);
	}
	/* No lock is held. */
	inject();
	clear();
	assert_int_equal(munmap(page, T_PAGE), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_cancelled_thread_finishes_its_call_first),
	};

	return t_run("inject.cancel", tests, T_LENGTH(tests));
}
