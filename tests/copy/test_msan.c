/* SPDX-License-Identifier: BSD-3-Clause */
/* test_msan.c - what MemorySanitizer is told: what was initialized in the source, and no more */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <sanitizer/msan_interface.h>
#include <string.h>
#include <sys/mman.h>

#include "basics.h"

#define N    64
#define GOOD 24 /* initialized bytes of the source */

typedef size_t copy_fn(void *dst, const void *src, size_t n, struct mcsafe_fault *fault);

static size_t plain(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	(void)fault;
	return memcpy_mcsafe(dst, src, n);
}

static copy_fn *const copies[] = {plain, mcsafe_memcpy, mcsafe_memcpy_flushcache};

/* The first byte of [p, p + n) that is not initialized; -1: there is none. */
static intptr_t first_poisoned(const void *p, size_t n)
{
	return __msan_test_shadow(p, n);
}

static void test_a_copy_hands_on_what_was_initialized(void **state)
{
	char src[N], dst[N];
	struct mcsafe_fault fault;

	(void)state;
	for (size_t i = 0; i < T_LENGTH(copies); i++) {
		__msan_poison(src, N);
		__msan_poison(dst, N);
		memset(src, 1, GOOD);
		assert_int_equal(copies[i](dst, src, N, &fault), 0);
		assert_int_equal(first_poisoned(dst, N), GOOD);
		assert_int_equal(copies[i](dst, src, GOOD / 2, &fault), 0);
		assert_int_equal(first_poisoned(dst, N), GOOD);
	}
	__msan_poison(dst, N);
	assert_int_equal(mcsafe_memset(dst, 0, GOOD, NULL), 0);
	assert_int_equal(first_poisoned(dst, N), GOOD);
}

static void test_a_copy_that_stopped_hands_on_only_what_it_copied(void **state)
{
	char *page =
		mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char dst[N];
	struct mcsafe_fault fault;

	(void)state;
	assert_ptr_not_equal(page, MAP_FAILED);
	assert_int_equal(mcsafe_install(), 0);
	memset(page, 1, T_PAGE);
	assert_int_equal(mprotect(page + T_PAGE, T_PAGE, PROT_NONE), 0);
	for (size_t i = 0; i < T_LENGTH(copies); i++) {
		__msan_poison(dst, N);
		__msan_poison(&fault, sizeof(fault));
		assert_int_equal(copies[i](dst, page + T_PAGE - GOOD, N, &fault), N - GOOD);
		assert_int_equal(first_poisoned(dst, N), GOOD);
		assert_int_equal(first_poisoned(&fault, sizeof(fault)),
				 copies[i] == plain ? 0 : -1);
	}
	assert_int_equal(munmap(page, 2 * T_PAGE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_copy_hands_on_what_was_initialized),
		cmocka_unit_test(test_a_copy_that_stopped_hands_on_only_what_it_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
