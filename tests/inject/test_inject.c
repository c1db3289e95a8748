/* SPDX-License-Identifier: BSD-3-Clause */
/* test_inject.c - refusals, overlaps and leaks; threads, fork, and life without privileges */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <grp.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mcsafe/inject.h>
#include <mcsafe/mcsafe.h>

#include "leaks.h"
#include "memory.h"

#define RW (PROT_READ | PROT_WRITE)

#define CYCLES 2000

static unsigned char *map(size_t pages)
{
	unsigned char *base = mmap(NULL, pages * T_PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(base, MAP_FAILED);
	memset(base, 7, pages * T_PAGE);
	return base;
}

static size_t readable(const void *from, size_t n)
{
	static _Thread_local unsigned char buffer[16 * T_PAGE];

	assert_in_range(n, 0, sizeof(buffer));
	return n - memcpy_mcsafe(buffer, from, n);
}

/* ---- arguments ---------------------------------------------------------------------------- */

static void test_bad_arguments_are_refused(void **unused)
{
	unsigned char *page = map(4);
	const struct {
		void *addr;
		size_t len;
		enum mcsafe_inject_kind kind;
		int error;
	} cases[] = {
		{NULL, T_PAGE, MCSAFE_INJECT_AUTO, -EINVAL},
		{page, 0, MCSAFE_INJECT_AUTO, -EINVAL},
		{page + 1, T_PAGE, MCSAFE_INJECT_AUTO, -EINVAL},
		{page, T_PAGE + 1, MCSAFE_INJECT_AUTO, -EINVAL},
		{page, T_PAGE - 1, MCSAFE_INJECT_AUTO, -EINVAL},
		{(void *)-T_PAGE, 2 * T_PAGE, MCSAFE_INJECT_AUTO, -EINVAL},
		{page, (size_t)-T_PAGE, MCSAFE_INJECT_AUTO, -EINVAL},
		{page, T_PAGE, MCSAFE_INJECT_NONE, -EINVAL},
		{page, T_PAGE, (enum mcsafe_inject_kind)(MCSAFE_INJECT_AUTO + 1), -EINVAL},
		{page, T_PAGE, (enum mcsafe_inject_kind) - 1, -EINVAL},
		{page + 2 * T_PAGE, T_PAGE, MCSAFE_INJECT_AUTO, -ENOMEM},
		{page + T_PAGE, 2 * T_PAGE, MCSAFE_INJECT_AUTO, -ENOMEM},
		{page + T_PAGE, 3 * T_PAGE, MCSAFE_INJECT_PROTECT, -ENOMEM},
		{(void *)T_PAGE, T_PAGE, MCSAFE_INJECT_EOF, -ENOMEM},
	};
	size_t i, mappings;

	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	assert_int_equal(munmap(page + 2 * T_PAGE, T_PAGE), 0);
	mappings = t_count_mappings();
	errno = 4711;
	for (i = 0; i < T_LENGTH(cases); i++) {
		int error = mcsafe_inject(cases[i].addr, cases[i].len, cases[i].kind);

		if (error != cases[i].error || errno != 4711)
			fail_msg("case %zu: %d, errno %d", i, error, errno);
		assert_string_not_equal(mcsafe_inject_reason(), "");
		if (cases[i].error == -EINVAL && cases[i].kind == MCSAFE_INJECT_AUTO)
			assert_int_equal(mcsafe_inject_clear(cases[i].addr, cases[i].len), -EINVAL);
	}
	/* A refused call left no trace, even if its first page was good. */
	assert_int_equal(readable(page, 2 * T_PAGE), 2 * T_PAGE);
	assert_int_equal(t_count_mappings(), mappings);
	assert_int_equal(mcsafe_inject_clear(page, T_PAGE), -ENOENT);
	assert_int_equal(mcsafe_inject_clear((void *)T_PAGE, T_PAGE), -ENOENT);
	assert_int_equal(errno, 4711);
	assert_int_equal(mcsafe_inject_kind_at(NULL), MCSAFE_INJECT_NONE);
	assert_int_equal(mcsafe_inject_kind_at((void *)UINTPTR_MAX), MCSAFE_INJECT_NONE);
	assert_int_equal(munmap(page, 4 * T_PAGE), 0);
}

static void test_every_kind_has_a_name(void **unused)
{
	static const char *const names[] = {"none",    "hwpoison", "poison", "guard",
					    "protect", "eof",      "auto",   "unknown"};
	size_t i;

	(void)unused;
	for (i = 0; i < T_LENGTH(names); i++)
		assert_string_equal(mcsafe_inject_kind_name((enum mcsafe_inject_kind)i), names[i]);
	assert_string_equal(mcsafe_inject_kind_name((enum mcsafe_inject_kind) - 1), "unknown");
}

static void test_what_is_supported_is_said_without_a_trace(void **unused)
{
	static const enum mcsafe_inject_kind always[] = {MCSAFE_INJECT_PROTECT, MCSAFE_INJECT_EOF,
							 MCSAFE_INJECT_AUTO};
	size_t i, mappings = t_count_mappings(), fds = t_count_descriptors();

	(void)unused;
	errno = 4711;
	for (i = 0; i < T_LENGTH(always); i++)
		assert_int_equal(mcsafe_inject_supported(always[i]), 0);
	assert_int_equal(mcsafe_inject_supported(MCSAFE_INJECT_NONE), -EINVAL);
	assert_int_equal(mcsafe_inject_supported((enum mcsafe_inject_kind)7), -EINVAL);
	for (i = MCSAFE_INJECT_HWPOISON; i <= MCSAFE_INJECT_EOF; i++) {
		enum mcsafe_inject_kind kind = (enum mcsafe_inject_kind)i;
		int error = mcsafe_inject_supported(kind);

		print_message("%s: %d%s%s\n", mcsafe_inject_kind_name(kind), error,
			      error != 0 ? ": " : "", error != 0 ? mcsafe_inject_reason() : "");
		assert_true(error == 0 || error == -EOPNOTSUPP || error == -EPERM);
	}
	assert_int_equal(errno, 4711);
	assert_int_equal(t_count_mappings(), mappings);
	assert_int_equal(t_count_descriptors(), fds);
}

/* ---- overlaps ----------------------------------------------------------------------------- */

static void test_a_part_of_memory_without_access_is_cleared(void **unused)
{
	unsigned char *base = map(5);

	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	assert_int_equal(mcsafe_inject(base, 5 * T_PAGE, MCSAFE_INJECT_PROTECT), 0);
	assert_int_equal(mcsafe_inject_clear(base + 2 * T_PAGE, T_PAGE), 0);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(mcsafe_inject_kind_at(base + i * T_PAGE),
				 i == 2 ? MCSAFE_INJECT_NONE : MCSAFE_INJECT_PROTECT);
		assert_int_equal(readable(base + i * T_PAGE, T_PAGE), i == 2 ? T_PAGE : 0);
	}
	assert_int_equal(mcsafe_inject_clear(base, 5 * T_PAGE), 0);
	assert_int_equal(readable(base, 5 * T_PAGE), 5 * T_PAGE);
	assert_int_equal(munmap(base, 5 * T_PAGE), 0);
}

/* Ten pages of four mappings. One call injects into pages 1 to 8. */
static void test_one_call_injects_into_several_mappings(void **unused)
{
	unsigned char *base = map(10);
	size_t i, mappings;

	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	assert_int_equal(mprotect(base + 2 * T_PAGE, 2 * T_PAGE, PROT_READ), 0);
	assert_ptr_equal(
		mmap(base + 6 * T_PAGE, T_PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		base + 6 * T_PAGE);
	memset(base + 6 * T_PAGE, 7, T_PAGE);
	mappings = t_count_mappings();

	assert_int_equal(mcsafe_inject(base + T_PAGE, 8 * T_PAGE, MCSAFE_INJECT_AUTO), 0);
	for (i = 0; i < 10; i++)
		assert_int_equal(readable(base + i * T_PAGE, T_PAGE),
				 i == 0 || i == 9 ? T_PAGE : 0);
	assert_int_equal(mcsafe_inject(base, 10 * T_PAGE, MCSAFE_INJECT_PROTECT), -EBUSY);
	assert_int_equal(mcsafe_inject(base + 8 * T_PAGE, 2 * T_PAGE, MCSAFE_INJECT_PROTECT),
			 -EBUSY);
	assert_int_equal(readable(base, T_PAGE), T_PAGE);

	/*
	 * Clear a part in the middle, which splits the range in two. Then clear a range that is
	 * partly good.
	 */
	assert_int_equal(mcsafe_inject_clear(base + 3 * T_PAGE, 2 * T_PAGE), 0);
	for (i = 0; i < 10; i++)
		assert_int_equal(readable(base + i * T_PAGE, T_PAGE),
				 i == 0 || i == 3 || i == 4 || i == 9 ? T_PAGE : 0);
	assert_int_equal(mcsafe_inject_clear(base, 10 * T_PAGE), 0);
	assert_int_equal(readable(base, 10 * T_PAGE), 10 * T_PAGE);
	for (i = 0; i < 10 * T_PAGE; i++)
		assert_int_equal(base[i], 7);
	/* The protections are restored as well. */
	base[5 * T_PAGE] = base[6 * T_PAGE] = 8;
	assert_int_equal(mcsafe_memset(base + 2 * T_PAGE, 0, 2 * T_PAGE, NULL), 2 * T_PAGE);
	assert_int_equal(t_count_mappings(), mappings);
	assert_int_equal(munmap(base, 10 * T_PAGE), 0);
}

/*
 * A thread uses the memory while it goes away and comes back. The thread finds everything that it
 * stored.
 */
static _Atomic bool stop;
static _Atomic unsigned lost;

static void *store_and_load(void *arg)
{
	uint64_t *word = arg, value = 0, found;
	unsigned long faults = 0;

	while (!stop) {
		value++;
		while (mcsafe_memcpy(word, &value, sizeof(value), NULL) != 0)
			faults++;
		while (mcsafe_memcpy(&found, word, sizeof(found), NULL) != 0)
			faults++;
		lost += found != value;
	}
	print_message("%lu stores, %lu faults\n", (unsigned long)value, faults);
	return NULL;
}

static void test_no_store_is_lost(void **unused)
{
	static const enum mcsafe_inject_kind kinds[] = {MCSAFE_INJECT_AUTO, MCSAFE_INJECT_PROTECT,
							MCSAFE_INJECT_EOF};
	unsigned char *page = map(1);
	pthread_t thread;
	size_t i;

	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	assert_int_equal(pthread_create(&thread, NULL, store_and_load, page + 64), 0);
	for (i = 0; i < 1000; i++) {
		assert_int_equal(mcsafe_inject(page, T_PAGE, kinds[i % 3]), 0);
		assert_int_equal(mcsafe_inject_clear(page, T_PAGE), 0);
	}
	stop = true;
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(lost, 0);
	assert_int_equal(munmap(page, T_PAGE), 0);
}

/* ---- leaks -------------------------------------------------------------------------------- */

struct resources {
	size_t mappings, descriptors, heap;
};

static struct resources resources(void)
{
	return (struct resources){t_count_mappings(), t_count_descriptors(), mallinfo2().uordblks};
}

static void cycle(unsigned char *page, size_t i)
{
	static const enum mcsafe_inject_kind kinds[] = {MCSAFE_INJECT_POISON, MCSAFE_INJECT_GUARD,
							MCSAFE_INJECT_PROTECT, MCSAFE_INJECT_EOF,
							MCSAFE_INJECT_AUTO};
	enum mcsafe_inject_kind kind = kinds[i % (T_LENGTH(kinds))];
	int error = mcsafe_inject(page, T_PAGE, kind);

	if (error == -EOPNOTSUPP)
		error = mcsafe_inject(page, T_PAGE, MCSAFE_INJECT_AUTO);
	assert_int_equal(error, 0);
	if (i % 64 == 0)
		assert_int_equal(readable(page + 5, 1), 0);
	assert_int_equal(mcsafe_inject_clear(page, T_PAGE), 0);
	assert_int_equal(page[i % T_PAGE], 7);
}

static void test_nothing_leaks(void **unused)
{
	unsigned char *base = map(3);
	struct resources before, after;
	size_t i;

	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	for (i = 0; i < 10; i++)
		cycle(base + T_PAGE, i);
	before = resources();
	for (i = 0; i < CYCLES; i++)
		cycle(base + T_PAGE, i);
	after = resources();
	assert_int_equal(after.mappings, before.mappings);
	assert_int_equal(after.descriptors, before.descriptors);
	assert_int_equal(after.heap, before.heap);
	assert_int_equal(munmap(base, 3 * T_PAGE), 0);
}

/* Each thread has its own pages: one page in two of a common mapping. */
static unsigned char *common;
static _Atomic unsigned broken;

static void *cycle_own(void *arg)
{
	unsigned char *page = common + (uintptr_t)arg * 2 * T_PAGE;
	size_t i;

	for (i = 0; i < 300; i++) {
		if (mcsafe_inject(page, T_PAGE, MCSAFE_INJECT_AUTO) != 0 ||
		    readable(page, 1) != 0 || mcsafe_inject_kind_at(page) == MCSAFE_INJECT_NONE ||
		    mcsafe_inject_clear(page, T_PAGE) != 0 || page[i % T_PAGE] != 7)
			broken++;
		free(malloc(100000)); /* mmap(2) and munmap(2) at the same time */
	}
	return NULL;
}

static void test_threads_can_inject_at_once(void **unused)
{
	pthread_t threads[4];
	size_t i, mappings;

	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	common = map(8);
	mappings = t_count_mappings();
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, cycle_own, (void *)i), 0);
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(broken, 0);
	for (i = 0; i < 8 * T_PAGE; i++)
		assert_int_equal(common[i], 7);
	/* The C library may keep the memory that it mapped for the threads. */
	assert_in_range(t_count_mappings(), mappings, mappings + 20);
	assert_int_equal(munmap(common, 8 * T_PAGE), 0);
}

/* ---- processes ---------------------------------------------------------------------------- */

/* Returns the result of body in a child: 0, or the line that failed. */
static int run_child(int (*body)(unsigned char *), unsigned char *memory)
{
	pid_t pid = fork();
	int status;

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		/* The child must not run CMocka's handlers. */
		signal(SIGABRT, SIG_DFL);
		_exit(body(memory) % 256);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("the child died of signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

#define EXPECT(condition)     \
 do {                         \
  if (!(condition))           \
   return __LINE__ % 255 + 1; \
 } while (0)

static int clear_in_child(unsigned char *page)
{
	EXPECT(mcsafe_install() == 0);
	EXPECT(readable(page, 1) == 0);
	EXPECT(mcsafe_inject_clear(page, T_PAGE) == 0);
	EXPECT(page[5] == 7);
	page[5] = 8;
	return 0;
}

static void test_a_child_clears_its_own_copy_only(void **unused)
{
	unsigned char *page = map(1);

	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	assert_int_equal(mcsafe_inject(page, T_PAGE, MCSAFE_INJECT_AUTO), 0);
	assert_int_equal(run_child(clear_in_child, page), 0);
	assert_int_equal(readable(page, 1), 0);
	assert_int_equal(mcsafe_inject_clear(page, T_PAGE), 0);
	assert_int_equal(page[5], 7);
	assert_int_equal(munmap(page, T_PAGE), 0);
}

static int inject_as_nobody(unsigned char *page)
{
	static const enum mcsafe_inject_kind kinds[] = {MCSAFE_INJECT_POISON, MCSAFE_INJECT_GUARD,
							MCSAFE_INJECT_PROTECT, MCSAFE_INJECT_EOF,
							MCSAFE_INJECT_AUTO};
	int supported[6], error;
	size_t i;

	for (i = 0; i < 5; i++)
		supported[i] = mcsafe_inject_supported(kinds[i]);
	/* The process already belongs to an ordinary user, so there is nothing to give up. */
	if (geteuid() == 0)
		EXPECT(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
	EXPECT(geteuid() != 0);
	EXPECT(mcsafe_install() == 0);
	for (i = 0; i < 5; i++) {
		/* Privileges make no difference to this kind. */
		EXPECT(mcsafe_inject_supported(kinds[i]) == supported[i]);
		error = mcsafe_inject(page, T_PAGE, kinds[i]);
		EXPECT(error == supported[i]);
		if (error != 0)
			continue;
		EXPECT(readable(page, 1) == 0);
		EXPECT(mcsafe_inject_clear(page, T_PAGE) == 0);
		EXPECT(page[5] == 7);
	}
	/*
	 * They do make a difference to HWPOISON. Without CONFIG_MEMORY_FAILURE nobody can inject
	 * it.
	 */
	error = mcsafe_inject_supported(MCSAFE_INJECT_HWPOISON);
	EXPECT(error == -EPERM || error == -EOPNOTSUPP);
	EXPECT(mcsafe_inject(page, T_PAGE, MCSAFE_INJECT_HWPOISON) == error);
	EXPECT(mcsafe_inject_reason()[0] != '\0');
	EXPECT(mcsafe_inject_kind_at(page) == MCSAFE_INJECT_NONE);
	EXPECT(page[5] == 7);
	return 0;
}

static void test_an_ordinary_user_can_inject(void **unused)
{
	unsigned char *page = map(1);

	(void)unused;
	assert_int_equal(run_child(inject_as_nobody, page), 0);
	assert_int_equal(munmap(page, T_PAGE), 0);
}

/* ---- notices ------------------------------------------------------------------------------ */

static siginfo_t last;
static volatile sig_atomic_t notices;

static void on_sigbus(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)ctx;
	last = *si;
	notices++;
}

static void test_a_notice_is_delivered(void **unused)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO}, before;
	unsigned char *page = map(1);

	(void)unused;
	assert_int_equal(sigaction(SIGBUS, &action, &before), 0);
	errno = 4711;
	assert_int_equal(mcsafe_inject_notice(page + 5, T_PAGE), 0);
	assert_int_equal(notices, 1);
	assert_int_equal(last.si_signo, SIGBUS);
	assert_int_equal(last.si_code, BUS_MCEERR_AO);
	assert_ptr_equal(last.si_addr, page + 5);
	assert_int_equal(last.si_addr_lsb, 12);
	assert_int_equal(mcsafe_inject_notice(NULL, T_HUGE), 0);
	assert_int_equal(last.si_addr_lsb, 21);
	assert_int_equal(notices, 2);

	/* libmcsafe passes the notice to the previous handler. */
	assert_int_equal(mcsafe_install(), 0);
	assert_int_equal(mcsafe_inject_notice(page, T_PAGE), 0);
	assert_int_equal(notices, 3);
	assert_int_equal(last.si_code, BUS_MCEERR_AO);
	assert_int_equal(mcsafe_uninstall(), 0);

	assert_int_equal(mcsafe_inject_notice(page, 0), -EINVAL);
	assert_int_equal(mcsafe_inject_notice(page, 64), -EINVAL);
	assert_int_equal(mcsafe_inject_notice(page, 3 * T_PAGE), -EINVAL);
	assert_int_equal(notices, 3);
	assert_int_equal(errno, 4711);
	assert_int_equal(page[5], 7);
	assert_int_equal(sigaction(SIGBUS, &before, NULL), 0);
	assert_int_equal(munmap(page, T_PAGE), 0);
}

/*
 * "user" runs only the tests in which privileges and the kernel matter. The guest of tests/vm uses
 * it.
 */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_arguments_are_refused),
		cmocka_unit_test(test_every_kind_has_a_name),
		cmocka_unit_test(test_what_is_supported_is_said_without_a_trace),
		cmocka_unit_test(test_a_part_of_memory_without_access_is_cleared),
		cmocka_unit_test(test_one_call_injects_into_several_mappings),
		cmocka_unit_test(test_no_store_is_lost),
		cmocka_unit_test(test_nothing_leaks),
		cmocka_unit_test(test_threads_can_inject_at_once),
		cmocka_unit_test(test_a_child_clears_its_own_copy_only),
		cmocka_unit_test(test_an_ordinary_user_can_inject),
		cmocka_unit_test(test_a_notice_is_delivered),
	};
	const struct CMUnitTest user[] = {
		cmocka_unit_test(test_bad_arguments_are_refused),
		cmocka_unit_test(test_what_is_supported_is_said_without_a_trace),
		cmocka_unit_test(test_an_ordinary_user_can_inject),
		cmocka_unit_test(test_a_notice_is_delivered),
	};

	if (argc > 1 && strcmp(argv[1], "user") == 0)
		return cmocka_run_group_tests(user, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
