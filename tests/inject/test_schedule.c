/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_schedule.c - only the Nth copy fails, as a really bad one would; shared and static library
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mcsafe/inject.h>
#include <mcsafe/mcsafe.h>

#include "basics.h"

#define N    1000
#define FILL 0xa5

static unsigned char src[N], dst[N];

/* Every function that the injector counts, as a copy of src to dst. */
static size_t by_memcpy_mcsafe(size_t n, struct mcsafe_fault *fault)
{
	(void)fault;
	return memcpy_mcsafe(dst, src, n);
}

static size_t by_mcsafe_memcpy(size_t n, struct mcsafe_fault *fault)
{
	return mcsafe_memcpy(dst, src, n, fault);
}

static size_t by_flushcache(size_t n, struct mcsafe_fault *fault)
{
	return mcsafe_memcpy_flushcache(dst, src, n, fault);
}

static size_t by_memset(size_t n, struct mcsafe_fault *fault)
{
	return mcsafe_memset(dst, src[0], n, fault);
}

struct way {
	const char *name;
	size_t (*copy)(size_t n, struct mcsafe_fault *fault);
	bool has_record;
	enum mcsafe_side side;
};

static const struct way ways[] = {
	{"memcpy_mcsafe", by_memcpy_mcsafe, false, MCSAFE_SIDE_SOURCE},
	{"mcsafe_memcpy", by_mcsafe_memcpy, true, MCSAFE_SIDE_SOURCE},
	{"mcsafe_memcpy_flushcache", by_flushcache, true, MCSAFE_SIDE_SOURCE},
	{"mcsafe_memset", by_memset, true, MCSAFE_SIDE_DESTINATION},
};

#define WAYS (T_LENGTH(ways))

static void schedule(const char *spec)
{
	int error = mcsafe_inject_schedule(spec);

	if (error != 0)
		fail_msg("%s: %d: %s", spec, error, mcsafe_inject_reason());
	assert_int_equal(mcsafe_inject_copies(), 0);
	assert_int_equal(mcsafe_inject_failures(), 0);
}

/* Makes a copy of n bytes that must copy exactly `done` of them. */
static void copy(const struct way *way, size_t n, size_t done)
{
	struct mcsafe_fault fault = {0};
	size_t left, i;
	int saved_errno;

	memset(src, 0x11, sizeof(src));
	memset(dst, FILL, sizeof(dst));
	errno = 4711;
	left = way->copy(n, &fault);
	saved_errno = errno;
	if (left != n - done)
		fail_msg("%s: n %zu: %zu bytes left, should be %zu", way->name, n, left, n - done);
	assert_int_equal(saved_errno, 4711);
	for (i = 0; i < sizeof(dst); i++)
		assert_int_equal(dst[i], i < done ? 0x11 : FILL);
	if (!way->has_record || done == n) {
		assert_int_equal(fault.cause, MCSAFE_CAUSE_NONE);
		return;
	}
	assert_int_equal(fault.side, way->side);
	assert_ptr_equal(fault.addr, (way->side == MCSAFE_SIDE_SOURCE ? src : dst) + done);
	assert_true(fault.signo == SIGBUS || fault.signo == SIGSEGV);
	assert_true(fault.code > 0);
	assert_int_not_equal(fault.cause, MCSAFE_CAUSE_NONE);
	assert_non_null(fault.ip);
}

static void test_only_the_nth_copy_fails(void **unused)
{
	char spec[32];
	size_t n, i, w;

	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	for (w = 0; w < WAYS; w++)
		for (n = 1; n <= 5; n++) {
			snprintf(spec, sizeof(spec), "copy:%zu", n);
			schedule(spec);
			for (i = 1; i <= 7; i++) {
				copy(&ways[w], 300, i == n ? 150 : 300);
				assert_int_equal(mcsafe_inject_copies(), i);
				assert_int_equal(mcsafe_inject_failures(), i >= n);
			}
		}
	schedule(NULL);
}

static void test_all_copies_fail_from_the_nth_on(void **unused)
{
	size_t i;

	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	schedule("copy:3+");
	for (i = 1; i <= 10; i++)
		copy(&ways[i % WAYS], 64, i >= 3 ? 32 : 64);
	assert_int_equal(mcsafe_inject_failures(), 8);
	schedule(NULL);
	for (i = 1; i <= 10; i++)
		copy(&ways[i % WAYS], 64, 64);
	assert_int_equal(mcsafe_inject_failures(), 0);
	assert_int_equal(mcsafe_inject_copies(), 10);
}

static void test_offset_says_where_the_copy_stops(void **unused)
{
	static const struct {
		const char *spec;
		size_t n, done;
	} cases[] = {
		{"copy:1", 1, 0},        {"copy:1", 2, 1},
		{"copy:1", 999, 499},    {"copy:1@0", 100, 0},
		{"copy:1@1", 100, 1},    {"copy:1@63", 100, 63},
		{"copy:1@100", 100, 99}, {"copy:1+@18446744073709551614", 100, 99},
	};
	size_t i, w;

	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	for (i = 0; i < T_LENGTH(cases); i++)
		for (w = 0; w < WAYS; w++) {
			schedule(cases[i].spec);
			copy(&ways[w], cases[i].n, cases[i].done);
		}
	schedule(NULL);
}

/* A copy of no bytes does not count as a copy, nor does a refused copy. */
static void test_what_is_no_copy_is_not_counted(void **unused)
{
	size_t w;

	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	schedule("copy:1");
	for (w = 0; w < WAYS; w++)
		copy(&ways[w], 0, 0);
	assert_int_equal(memcpy_mcsafe(dst, src, SIZE_MAX), SIZE_MAX);
	assert_int_equal(memcpy_mcsafe((void *)(UINTPTR_MAX - 5), src, 10), 10);
	assert_int_equal(mcsafe_memset(dst, 0, SIZE_MAX, NULL), SIZE_MAX);
	assert_int_equal(mcsafe_inject_copies(), 0);
	copy(&ways[0], 10, 5);
	schedule(NULL);
}

/* The injector also sees the copies inside libmcsafe, whichever way it is linked. */
static void test_iterators_count_by_segment(void **unused)
{
	struct iovec segments[] = {{dst, N / 4}, {dst + N / 4, N / 2}, {dst + 3 * N / 4, N / 4}};
	struct mcsafe_fault fault;
	struct mcsafe_iter it;

	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	assert_int_equal(mcsafe_iter_iovec(&it, MCSAFE_SIDE_DESTINATION, segments, 3, SIZE_MAX), 0);
	assert_int_equal(mcsafe_inject_schedule("copy:2"), 0);
	assert_int_equal(mcsafe_copy_to_iter(src, N, &it, &fault), N / 2);
	assert_int_equal(mcsafe_inject_copies(), 2);
	assert_int_equal(mcsafe_inject_failures(), 1);
	assert_ptr_equal(fault.addr, src + N / 2);
	assert_int_equal(mcsafe_copy_to_iter(src + N / 2, N / 2, &it, &fault), N / 2);
	assert_int_equal(mcsafe_inject_schedule(NULL), 0);
}

/* A real fault before the injected byte counts. It is not an injected failure. */
static void test_a_real_fault_comes_before_an_injected_one(void **unused)
{
	struct mcsafe_fault fault;

	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	schedule("copy:1+");
	assert_int_equal(mcsafe_memcpy(dst, NULL, 100, &fault), 100);
	assert_ptr_equal(fault.addr, NULL);
	assert_int_equal(fault.cause, MCSAFE_CAUSE_UNMAPPED);
	assert_int_equal(mcsafe_memset(NULL, 0, 100, &fault), 100);
	assert_ptr_equal(fault.addr, NULL);
	assert_int_equal(mcsafe_inject_copies(), 2);
	assert_int_equal(mcsafe_inject_failures(), 0);
	schedule(NULL);
}

static void test_bad_specifications_are_refused(void **unused)
{
	static const char *const specs[] = {
		"",
		"copy",
		"copy:",
		"copy:0",
		"copy:x",
		"copy:-1",
		"copy: 1",
		"copy:1 ",
		"Copy:1",
		"copy:1++",
		"copy:1@",
		"copy:1@x",
		"copy:1@+",
		"copy:1@2+",
		"access:1",
		"copy:1,2",
		"copy:18446744073709551616",
		"copy:99999999999999999999",
	};
	size_t i;

	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	schedule("copy:2");
	errno = 4711;
	for (i = 0; i < T_LENGTH(specs); i++) {
		assert_int_equal(mcsafe_inject_schedule(specs[i]), -EINVAL);
		assert_non_null(strstr(mcsafe_inject_reason(), "copy:N"));
	}
	assert_int_equal(errno, 4711);
	/* The previous schedule still applies. */
	copy(&ways[0], 10, 10);
	copy(&ways[0], 10, 5);
	schedule(NULL);
}

/* The application of a user could do this: three copies, and it can do without two of them. */
static int application(void)
{
	char header[16], body[64];

	if (memcpy_mcsafe(header, src, sizeof(header)) != 0)
		return -EIO;
	if (memcpy_mcsafe(body, src, sizeof(body)) != 0)
		memset(body, 0, sizeof(body));
	if (mcsafe_memset(body, 0, sizeof(body), NULL) != 0)
		return 1;
	return 0;
}

static void test_a_loop_over_n_walks_every_error_path(void **unused)
{
	static const int results[] = {-EIO, 0, 1, 0};
	size_t n;

	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	for (n = 1;; n++) {
		char spec[32];

		assert_in_range(n, 1, 4);
		snprintf(spec, sizeof(spec), "copy:%zu", n);
		schedule(spec);
		assert_int_equal(application(), results[n - 1]);
		if (mcsafe_inject_failures() == 0)
			break;
	}
	assert_int_equal(n, 4);
	schedule(NULL);
}

static void *copy_much(void *failures)
{
	char from[64] = {0}, to[64];
	size_t i, failed = 0;

	for (i = 0; i < 5000; i++)
		failed += memcpy_mcsafe(to, from, sizeof(to)) != 0;
	*(size_t *)failures = failed;
	return NULL;
}

/* Exactly one copy is the 7000th, whichever thread makes it. */
static void test_one_copy_of_all_threads_is_the_nth(void **unused)
{
	pthread_t threads[3];
	size_t failures[3], i;

	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	schedule("copy:7000");
	for (i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, copy_much, &failures[i]), 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(failures[0] + failures[1] + failures[2], 1);
	assert_int_equal(mcsafe_inject_copies(), 15000);
	assert_int_equal(mcsafe_inject_failures(), 1);
	schedule(NULL);
}

/* Without mcsafe_install() the program dies of an injected failure, as it would of real poison. */
static void test_a_program_that_has_not_installed_dies(void **unused)
{
	int status;
	pid_t pid;

	(void)unused;
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		signal(SIGBUS, SIG_DFL);
		signal(SIGSEGV, SIG_DFL);
		if (mcsafe_inject_schedule("copy:1") != 0)
			_exit(1);
		_exit(memcpy_mcsafe(dst, src, 10) == 0 ? 2 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_true(WTERMSIG(status) == SIGBUS || WTERMSIG(status) == SIGSEGV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_nth_copy_fails),
		cmocka_unit_test(test_all_copies_fail_from_the_nth_on),
		cmocka_unit_test(test_offset_says_where_the_copy_stops),
		cmocka_unit_test(test_what_is_no_copy_is_not_counted),
		cmocka_unit_test(test_iterators_count_by_segment),
		cmocka_unit_test(test_a_real_fault_comes_before_an_injected_one),
		cmocka_unit_test(test_bad_specifications_are_refused),
		cmocka_unit_test(test_a_loop_over_n_walks_every_error_path),
		cmocka_unit_test(test_one_copy_of_all_threads_is_the_nth),
		cmocka_unit_test(test_a_program_that_has_not_installed_dies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
