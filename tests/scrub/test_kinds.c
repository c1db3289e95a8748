/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_kinds.c - scrubs of anonymous memory, memfds and files with each kind of bad page
 *
 * With the argument "hwpoison" pages are really lost. This needs root and a kernel that can lose
 * pages.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/inject.h>
#include <mcsafe/scrub.h>

#include "report.h"
#include "run.h"

#define PAGES ((size_t)80) /* more than one step */

static const size_t bad_pages[] = {0, 1, 7, 15, 16, 17, 40, PAGES - 1};

enum memory { ANONYMOUS, SHARED_ANONYMOUS, MEMFD, FILE_SHARED, FILE_PRIVATE, MEMORIES };

static const char *const memory_names[] = {"anonymous memory", "shared anonymous memory", "a memfd",
					   "a shared file", "a private file"};

static int open_file(enum memory memory)
{
	char name[] = "./mcsafe-scrub-XXXXXX";
	int fd;

	if (memory == ANONYMOUS || memory == SHARED_ANONYMOUS)
		return -1;
	if (memory == MEMFD) {
		fd = memfd_create("scrub", MFD_CLOEXEC);
	} else {
		fd = mkstemp(name);
		unlink(name);
	}
	assert_int_not_equal(fd, -1);
	for (size_t i = 0; i < PAGES; i++) {
		char page[T_PAGE];

		memset(page, (int)i + 1, sizeof(page));
		assert_int_equal(pwrite(fd, page, T_PAGE, (off_t)(i * T_PAGE)), T_PAGE);
	}
	return fd;
}

static unsigned char *map(enum memory memory, int fd)
{
	int how = fd == -1 ? MAP_ANONYMOUS : 0;
	unsigned char *base;

	how |= memory == ANONYMOUS || memory == FILE_PRIVATE ? MAP_PRIVATE : MAP_SHARED;
	base = mmap(NULL, PAGES * T_PAGE, PROT_READ | PROT_WRITE, how, fd, 0);
	assert_ptr_not_equal(base, MAP_FAILED);
	for (size_t i = 0; fd == -1 && i < PAGES; i++)
		memset(base + i * T_PAGE, (int)i + 1, T_PAGE);
	return base;
}

static bool is_bad(size_t page)
{
	for (size_t i = 0; i < T_LENGTH(bad_pages); i++)
		if (bad_pages[i] == page)
			return true;
	return false;
}

/* Returns whether the kernel can inject that kind. */
static bool inject(unsigned char *base, enum mcsafe_inject_kind kind)
{
	for (size_t i = 0; i < T_LENGTH(bad_pages); i++) {
		int err = mcsafe_inject(base + bad_pages[i] * T_PAGE, T_PAGE, kind);

		if (err == 0)
			continue;
		print_message("  not possible here: %s\n", mcsafe_inject_reason());
		assert_int_equal(i, 0);
		return false;
	}
	return true;
}

/* The registry holds exactly the bad pages. */
static void check_registry(const struct mcsafe_badblocks *badblocks)
{
	assert_int_equal(mcsafe_badblocks_bytes(badblocks), T_LENGTH(bad_pages) * T_PAGE);
	for (size_t page = 0; page < PAGES; page++) {
		struct mcsafe_range bad;
		bool found =
			mcsafe_badblocks_next(badblocks, page * T_PAGE, (page + 1) * T_PAGE, &bad);

		assert_int_equal(found, is_bad(page));
		if (found)
			assert_int_equal(bad.len, T_PAGE);
	}
}

static int add_it(const struct mcsafe_range *bad, const struct mcsafe_fault *fault, void *arg)
{
	(void)bad;
	(void)fault;
	(void)arg;
	return MCSAFE_SCRUB_ADD;
}

/* An I/O error may pass. The run continues past it, and adds nothing. */
static void scrub_failures(unsigned char *base, struct mcsafe_badblocks *badblocks)
{
	struct mcsafe_scrub_progress progress;
	struct mcsafe_scrub *scrub;

	assert_int_equal(mcsafe_scrub_create(&scrub, base, PAGES * T_PAGE, badblocks, NULL), 0);
	assert_int_equal(mcsafe_scrub_run(scrub), 0);
	mcsafe_scrub_get_progress(scrub, &progress);
	assert_int_equal(progress.offset, PAGES * T_PAGE);
	assert_int_equal(progress.failed, T_LENGTH(bad_pages) * T_PAGE);
	assert_int_equal(progress.bad, 0);
	assert_int_equal(mcsafe_badblocks_count(badblocks), 0);
	mcsafe_scrub_destroy(scrub);
}

static void scrub_losses(unsigned char *base, struct mcsafe_badblocks *badblocks,
			 mcsafe_scrub_found_fn found)
{
	struct mcsafe_scrub_options options = {.found = found};
	struct mcsafe_scrub_progress progress;
	struct mcsafe_scrub *scrub;

	assert_int_equal(mcsafe_scrub_create(&scrub, base, PAGES * T_PAGE, badblocks, &options), 0);
	assert_int_equal(mcsafe_scrub_run(scrub), 0);
	check_registry(badblocks);
	mcsafe_scrub_get_progress(scrub, &progress);
	assert_int_equal(progress.offset, PAGES * T_PAGE);
	assert_int_equal(progress.bad, T_LENGTH(bad_pages) * T_PAGE);
	assert_int_equal(progress.skipped, 0);
	assert_int_equal(progress.failed, 0);
	mcsafe_scrub_destroy(scrub);

	/* A second scrub finds nothing new, and does not touch the known pages. */
	assert_int_equal(mcsafe_scrub_create(&scrub, base, PAGES * T_PAGE, badblocks, NULL), 0);
	assert_int_equal(mcsafe_scrub_run(scrub), 0);
	mcsafe_scrub_get_progress(scrub, &progress);
	assert_int_equal(progress.bad, 0);
	assert_int_equal(progress.skipped, T_LENGTH(bad_pages) * T_PAGE);
	check_registry(badblocks);
	mcsafe_scrub_destroy(scrub);
}

/* Memory that must not be read is not lost memory: each run stops there. */
static void scrub_refusals(unsigned char *base, struct mcsafe_badblocks *badblocks)
{
	struct mcsafe_scrub_options options = {.start = T_PAGE * 2};
	struct mcsafe_scrub_progress progress;
	struct mcsafe_scrub *scrub;

	assert_int_equal(mcsafe_scrub_create(&scrub, base, PAGES * T_PAGE, badblocks, &options), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(mcsafe_scrub_run(scrub), -EFAULT);
		mcsafe_scrub_get_progress(scrub, &progress);
		assert_int_equal(progress.offset, 7 * T_PAGE);
	}
	assert_int_equal(mcsafe_badblocks_count(badblocks), 0);
	mcsafe_scrub_destroy(scrub);
}

/* A recheck believes the registry about a known page. If the page reads well, it is counted. */
static void recheck(unsigned char *base, struct mcsafe_badblocks *badblocks)
{
	struct mcsafe_scrub_options options = {.recheck = 1};
	struct mcsafe_scrub_progress progress;
	struct mcsafe_scrub *scrub;
	size_t before;

	assert_int_equal(mcsafe_badblocks_add(badblocks, 30 * T_PAGE + 100, 2 * T_PAGE), 0);
	before = mcsafe_badblocks_bytes(badblocks);
	assert_int_equal(mcsafe_scrub_create(&scrub, base, PAGES * T_PAGE, badblocks, &options), 0);
	assert_int_equal(mcsafe_scrub_run(scrub), 0);
	mcsafe_scrub_get_progress(scrub, &progress);
	assert_int_equal(progress.readable, 2 * T_PAGE);
	assert_int_equal(progress.skipped, 0);
	assert_int_equal(progress.bad, 0);
	assert_int_equal(mcsafe_badblocks_bytes(badblocks), before);
	mcsafe_scrub_destroy(scrub);
}

/* Returns whether the kernel could inject that kind. */
static bool try_kind(enum memory memory, enum mcsafe_inject_kind kind)
{
	struct mcsafe_badblocks *badblocks;
	int fd = open_file(memory);
	unsigned char *base = map(memory, fd);
	bool possible;

	print_message("%s in %s\n", mcsafe_inject_kind_name(kind), memory_names[memory]);
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	possible = inject(base, kind);
	if (possible) {
		struct t_report report = t_probe((uintptr_t)base, MCSAFE_SIDE_SOURCE);
		enum mcsafe_cause cause = t_report_cause(&report);

		t_install();
		if (kind == MCSAFE_INJECT_EOF)
			scrub_failures(base, badblocks);
		if (cause == MCSAFE_CAUSE_POISON || cause == MCSAFE_CAUSE_IO) {
			/* Of poison the kernel says so when it is asked, even if the SIGBUS says
			 * BUS_ADRERR because there is no CONFIG_MEMORY_FAILURE. */
			scrub_losses(base, badblocks, kind == MCSAFE_INJECT_EOF ? add_it : NULL);
			recheck(base, badblocks);
		} else {
			scrub_refusals(base, badblocks);
		}
		for (size_t i = 0; i < T_LENGTH(bad_pages); i++)
			assert_int_equal(mcsafe_inject_clear(base + bad_pages[i] * T_PAGE, T_PAGE),
					 0);
	}
	mcsafe_badblocks_destroy(badblocks);
	munmap(base, PAGES * T_PAGE);
	if (fd != -1)
		close(fd);
	return possible;
}

static void try_everywhere(enum mcsafe_inject_kind kind)
{
	int tried = 0;

	if (mcsafe_inject_supported(kind) != 0)
		t_skip("%s: %s", mcsafe_inject_kind_name(kind), mcsafe_inject_reason());
	for (enum memory memory = 0; memory < MEMORIES; memory++)
		tried += try_kind(memory, kind);
	assert_int_not_equal(tried, 0);
}

static void test_poison_is_found(void **state)
{
	(void)state;
	try_everywhere(MCSAFE_INJECT_POISON);
}

static void test_what_is_past_the_end_of_a_file_may_pass(void **state)
{
	(void)state;
	try_everywhere(MCSAFE_INJECT_EOF);
}

static void test_guards_are_no_losses(void **state)
{
	(void)state;
	try_everywhere(MCSAFE_INJECT_GUARD);
}

static void test_protected_pages_are_no_losses(void **state)
{
	(void)state;
	try_everywhere(MCSAFE_INJECT_PROTECT);
}

static void test_real_poison_is_found(void **state)
{
	(void)state;
	try_everywhere(MCSAFE_INJECT_HWPOISON);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_poison_is_found),
		cmocka_unit_test(test_what_is_past_the_end_of_a_file_may_pass),
		cmocka_unit_test(test_guards_are_no_losses),
		cmocka_unit_test(test_protected_pages_are_no_losses),
	};
	const struct CMUnitTest real[] = {cmocka_unit_test(test_real_poison_is_found)};

	if (argc > 1 && strcmp(argv[1], "hwpoison") == 0)
		return t_run("scrub.kinds_hwpoison", real, T_LENGTH(real));
	return t_run("scrub.kinds", tests, T_LENGTH(tests));
}
