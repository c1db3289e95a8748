/* SPDX-License-Identifier: BSD-3-Clause */
/* test_handed_over.c - another thread sees all of a copy before what is stored after it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mcsafe/copy.h>
#include <mcsafe/engine.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "copy/route.h"
#include "run.h"
#include "tool.h"

#define LENGTH 8192 /* enough to bypass the caches, on every processor */
#define LINE   64

static unsigned char sources[2][LENGTH];
static _Alignas(4096) unsigned char shared[LENGTH];
static _Atomic unsigned handed_over, taken;
static unsigned rounds, stale;

static void wait_for(_Atomic unsigned *value, unsigned expected)
{
	unsigned spins = 0;

	while (atomic_load_explicit(value, memory_order_acquire) != expected)
		if (++spins % 4096 == 0)
			sched_yield();
}

/* The last lines first: they were stored last. */
static bool is_all_there(unsigned char expected)
{
	for (size_t end = LENGTH; end != 0; end -= LINE)
		if (((volatile unsigned char *)shared)[end - 1] != expected)
			return false;
	return true;
}

static void *take(void *arg)
{
	for (unsigned i = 1; i <= rounds; i++) {
		wait_for(&handed_over, i);
		if (!is_all_there(sources[i % 2][0]))
			stale++;
		atomic_store_explicit(&taken, i, memory_order_release);
	}
	return arg;
}

static void hand_over(void)
{
	pthread_t taker;

	atomic_store(&handed_over, 0);
	atomic_store(&taken, 0);
	stale = 0;
	assert_int_equal(pthread_create(&taker, NULL, take, NULL), 0);
	for (unsigned i = 1; i <= rounds; i++) {
		assert_int_equal(mcsafe_memcpy_flushcache(shared, sources[i % 2], LENGTH, NULL), 0);
		atomic_store_explicit(&handed_over, i, memory_order_release);
		wait_for(&taken, i);
	}
	assert_int_equal(pthread_join(taker, NULL), 0);
}

static void test_a_copy_past_the_caches_comes_before_later_stores(void **state)
{
	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		t_skip("it needs two processors");
	rounds = (unsigned)(4000 / t_stride(4, 40));
	memset(sources[0], 0x55, LENGTH);
	memset(sources[1], 0xaa, LENGTH);
	for (size_t i = 0; i < mcsafe__n_engines; i++) {
		const struct mcsafe__engine *engine = &mcsafe__engines[i];

		if (engine->lines == NULL || !mcsafe__engine_is_possible(engine))
			continue;
		assert_int_equal(mcsafe_engine_set(engine->name), 0);
		hand_over();
		if (stale != 0)
			printf("%s: %u of %u copies were seen late\n", engine->name, stale, rounds);
		assert_int_equal(stale, 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_copy_past_the_caches_comes_before_later_stores),
	};

	return t_run("copy.handed_over", tests, T_LENGTH(tests));
}
