/* SPDX-License-Identifier: BSD-3-Clause */
/* test_memory.c - if an allocation fails, nothing has changed; each allocation fails in turn */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mcsafe/badblocks.h>

#include "badblocks/registry.h"
#include "oracle.h"
#include "rng.h"
#include "run.h"

/* The linker wraps the allocation functions (--wrap). The call that makes this 0 fails. */
static long until_failure = -1;
static long balance;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
void __real_free(void *memory);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);
void __wrap_free(void *memory);

static bool fails(void)
{
	if (until_failure > 0 && --until_failure == 0) {
		errno = ENOMEM;
		return true;
	}
	return false;
}

void *__wrap_malloc(size_t n)
{
	void *memory = fails() ? NULL : __real_malloc(n);

	balance += memory != NULL;
	return memory;
}

void *__wrap_calloc(size_t n, size_t size)
{
	void *memory = fails() ? NULL : __real_calloc(n, size);

	balance += memory != NULL;
	return memory;
}

void *__wrap_realloc(void *old, size_t n)
{
	void *memory = fails() ? NULL : __real_realloc(old, n);

	balance += memory != NULL && old == NULL;
	return memory;
}

void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
	void *memory = fails() ? NULL : __real_aligned_alloc(alignment, n);

	balance += memory != NULL;
	return memory;
}

void __wrap_free(void *memory)
{
	balance -= memory != NULL;
	__real_free(memory);
}

#define UNITS 4000

/* Adds every second unit, so that the registry has many chunks. */
static void fill(struct mcsafe_badblocks *badblocks, struct oracle *oracle)
{
	for (size_t i = 0; i < UNITS; i += 2) {
		assert_int_equal(mcsafe_badblocks_add(badblocks, i, 1), 0);
		oracle_set(oracle, i, 1, true);
	}
	oracle_check_all(oracle, badblocks);
}

static int change(struct mcsafe_badblocks *badblocks, size_t from, size_t n, int bad)
{
	return bad ? mcsafe_badblocks_add(badblocks, from, n)
		   : mcsafe_badblocks_clear(badblocks, from, n);
}

/* Lets the first allocation fail, then the second, until none fails. Returns how many failed. */
static size_t try_change(struct mcsafe_badblocks *badblocks, struct oracle *oracle, size_t from,
			 size_t n, int bad)
{
	for (long nth = 1;; nth++) {
		int err;

		until_failure = nth;
		errno = 4711;
		err = change(badblocks, from, n, bad);
		assert_int_equal(errno, 4711);
		if (until_failure != 0)
			assert_int_equal(err, 0);
		until_failure = -1;
		/* A registry works without a filter. */
		if (err == 0) {
			oracle_set(oracle, from, n, bad);
			oracle_check_all(oracle, badblocks);
			return (size_t)nth - 1;
		}
		assert_int_equal(err, -ENOMEM);
		oracle_check_all(oracle, badblocks);
	}
}

static void test_changes_happen_or_do_not(void **state)
{
	struct t_rng rng = t_rng_start(t_seed(), 0);
	struct mcsafe_badblocks *badblocks;
	size_t failures = 0, most = 0;
	long before = balance;
	struct oracle oracle = oracle_open(UNITS, 0, 1);

	(void)state;
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	failures += try_change(badblocks, &oracle, 10, 5, 1);
	failures += try_change(badblocks, &oracle, 10, 5, 0);
	assert_int_equal(mcsafe_badblocks_count(badblocks), 0);
	fill(badblocks, &oracle);
	for (int i = 0; i < 600; i++) {
		size_t from = t_rng_below(&rng, UNITS), room = UNITS - from;
		size_t n = 1 + t_rng_below(&rng, i % 10 < 2 && room > 600 ? 600
						 : room < 3               ? room
									  : 3);
		size_t failed = try_change(badblocks, &oracle, from, n, i % 2);

		failures += failed;
		if (failed > most)
			most = failed;
	}
	assert_in_range(failures, 101, SIZE_MAX);
	/* Otherwise no change involved more than one chunk. */
	assert_in_range(most, 2, SIZE_MAX);
	mcsafe_badblocks_destroy(badblocks);
	oracle_close(&oracle);
	assert_int_equal(balance, before);
}

static void test_notices_happen_or_do_not(void **state)
{
	struct mcsafe_notice notice = {.addr = (void *)(uintptr_t)8192, .extent = 4096};
	struct mcsafe_badblocks *badblocks;
	int err = -ENOMEM;
	size_t failures = 0;

	(void)state;
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	/* This makes the filter. Without memory for it a registry works too. */
	assert_int_equal(mcsafe_badblocks_add(badblocks, 0, 1), 0);
	assert_int_equal(mcsafe_badblocks_clear(badblocks, 0, 1), 0);
	for (long nth = 1; err != 1; nth++) {
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(mcsafe_badblocks_count(badblocks), 0);
		until_failure = nth;
		err = mcsafe_badblocks_notice(badblocks, &notice, (void *)(uintptr_t)4096, 16384);
		failures += until_failure == 0;
		until_failure = -1;
	}
	assert_int_equal(mcsafe_badblocks_bytes(badblocks), 4096);
	/* The chunk and the directory. */
	assert_int_equal(failures, 2);
	mcsafe_badblocks_destroy(badblocks);
}

static void test_creation_fails_cleanly(void **state)
{
	struct mcsafe_badblocks *const untouched = (void *)&balance;

	(void)state;
	for (long nth = 1; nth <= 2; nth++) {
		struct mcsafe_badblocks *badblocks = untouched;
		long before = balance;

		until_failure = nth;
		errno = 4711;
		assert_int_equal(mcsafe_badblocks_create(&badblocks), -ENOMEM);
		assert_int_equal(errno, 4711);
		until_failure = -1;
		assert_ptr_equal(badblocks, untouched);
		assert_int_equal(balance, before);
	}
}

static void test_loading_fails_cleanly(void **state)
{
	static char text[20 * UNITS];
	struct oracle oracle = oracle_open(3 * UNITS, 0, 1);
	struct mcsafe_badblocks *badblocks;
	size_t n = 0, failures = 0;
	long before;

	(void)state;
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	fill(badblocks, &oracle);
	for (size_t i = 0; i < UNITS / 4; i++)
		n += (size_t)sprintf(text + n, "%zu 2\n", UNITS + 4 * i);
	before = balance;
	for (long nth = 1;; nth++) {
		FILE *file = fmemopen(text, n, "r");
		long left;
		int err;

		until_failure = nth;
		err = mcsafe_badblocks_load(badblocks, file, NULL);
		left = until_failure;
		until_failure = -1;
		fclose(file);
		if (left != 0)
			assert_int_equal(err, 0);
		if (err == 0)
			break;
		failures++;
		assert_int_equal(err, -ENOMEM);
		oracle_check_all(&oracle, badblocks);
		assert_int_equal(balance, before);
	}
	assert_in_range(failures, 6, SIZE_MAX);
	for (size_t i = 0; i < UNITS / 4; i++)
		oracle_set(&oracle, UNITS + 4 * i, 2, true);
	oracle_check_all(&oracle, badblocks);
	mcsafe_badblocks_destroy(badblocks);
	oracle_close(&oracle);
}

static void test_a_notice_that_finds_no_memory_is_not_added(void **state)
{
	const struct mcsafe_notice notice = {.addr = (void *)T_PAGE, .extent = T_PAGE};
	struct mcsafe_badblocks *badblocks;
	int failures = 0, result;

	(void)state;
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	assert_int_equal(mcsafe_badblocks_add(badblocks, 0, 1), 0);
	for (;;) {
		until_failure = failures + 1;
		result = mcsafe_badblocks_notice(badblocks, &notice, (void *)0, 4 * T_PAGE);
		until_failure = -1;
		if (result != -ENOMEM)
			break;
		assert_int_equal(mcsafe_badblocks_count(badblocks), 1);
		failures++;
	}
	assert_int_equal(result, 1);
	assert_int_equal(mcsafe_badblocks_count(badblocks), 2);
	assert_int_not_equal(failures, 0);
	mcsafe_badblocks_destroy(badblocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes_happen_or_do_not),
		cmocka_unit_test(test_notices_happen_or_do_not),
		cmocka_unit_test(test_creation_fails_cleanly),
		cmocka_unit_test(test_loading_fails_cleanly),
		cmocka_unit_test(test_a_notice_that_finds_no_memory_is_not_added),
	};

	return t_run("badblocks.memory", tests, T_LENGTH(tests));
}
