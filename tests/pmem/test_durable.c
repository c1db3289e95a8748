/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_durable.c - which cache lines are written back, in which order with fences; and which ranges
 * of the kernel's lists are of a mapping
 *
 * The linker replaces the library's flush and fence, and the question to the kernel (--wrap).
 */
#include <mcsafe/pmem.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/page.h"
#include "copy/flush.h"
#include "pmem/pmem.h"
#include "run.h"

#define WRITING (MCSAFE_PMEM_WRITE | MCSAFE_PMEM_NO_ASK | MCSAFE_PMEM_FLUSH)
#define LINE    ((size_t)64)
#define SIZE    (4 * T_PAGE)
#define LINES   (SIZE / LINE)

static unsigned char *memory;
static unsigned char data[SIZE];
static struct mcsafe_pmem *pmem;
static bool flushed[LINES];
static unsigned flushes, fences, fences_too_early;
static const unsigned char *expected; /* what the memory must hold before a fence */
static size_t expected_n;

mcsafe__flush_fn __real_mcsafe__flush;
mcsafe__flush_fn __wrap_mcsafe__flush;
void __real_mcsafe__pmem_fence(void);
void __wrap_mcsafe__pmem_fence(void);
int __wrap_mcsafe_badblocks_ask(struct mcsafe_badblocks *badblocks, int fd,
				struct mcsafe_badblocks_answer *answer);

size_t __wrap_mcsafe__flush(const void *addr, size_t n, struct mcsafe_fault *fault)
{
	size_t from = (size_t)((const unsigned char *)addr - memory);

	flushes++;
	for (size_t at = mcsafe__down(from, LINE); at < from + n; at += LINE)
		flushed[at / LINE] = true;
	return __real_mcsafe__flush(addr, n, fault);
}

void __wrap_mcsafe__pmem_fence(void)
{
	fences++;
	fences_too_early += expected_n != 0 && memcmp(memory, expected, expected_n) != 0;
	__real_mcsafe__pmem_fence();
}

static void open_it(void)
{
	t_install();
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true((void *)memory != MAP_FAILED);
	memset(data, 'd', SIZE);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, SIZE, -1, 0, WRITING), 0);
	memset(flushed, 0, sizeof(flushed));
	flushes = fences = fences_too_early = 0;
	expected = NULL;
	expected_n = 0;
}

static void close_it(void)
{
	mcsafe_pmem_close(pmem);
	munmap(memory, SIZE);
}

static void test_a_fence_follows_each_write(void **state)
{
	struct iovec iov = {data, 100};
	struct mcsafe_iter it;

	(void)state;
	open_it();
	expected = data;
	expected_n = 100;
	assert_int_equal(mcsafe_pmem_pwrite(pmem, data, 100, 0, NULL), 100);
	assert_int_equal(fences, 1);
	memset(memory, 0, 100);
	assert_int_equal(mcsafe_pmem_pwritev(pmem, &iov, 1, 0, NULL), 100);
	assert_int_equal(fences, 2);
	memset(memory, 0, 100);
	assert_int_equal(mcsafe_iter_ubuf(&it, MCSAFE_SIDE_SOURCE, data, 100), 0);
	assert_int_equal(mcsafe_pmem_write_iter(pmem, &it, 100, 0, NULL), 100);
	assert_int_equal(fences, 3);
	assert_int_equal(fences_too_early, 0);
	close_it();
}

/* SFENCE is 0f ae f8. */
static void test_the_fence_is_one(void **state)
{
	static const unsigned char sfence[] = {0x0f, 0xae, 0xf8};

	(void)state;
	assert_non_null(memmem((const void *)(uintptr_t)__real_mcsafe__pmem_fence, 32, sfence,
			       sizeof(sfence)));
}

static void test_persist_flushes_all_lines_but_those_that_are_known_to_be_bad(void **state)
{
	struct mcsafe_badblocks *bad;

	(void)state;
	open_it();
	bad = mcsafe_pmem_badblocks(pmem);
	assert_int_equal(mcsafe_badblocks_add(bad, 10 * LINE + 5, 1), 0);
	assert_int_equal(mcsafe_badblocks_add(bad, T_PAGE, 2 * LINE), 0);
	assert_int_equal(mcsafe_pmem_persist(pmem, LINE + 1, 2 * T_PAGE), 0);
	assert_int_equal(fences, 1);
	for (size_t line = 0; line < LINES; line++) {
		bool in_range = line >= 1 && line <= 1 + 2 * T_PAGE / LINE;
		bool is_bad = line == 10 || line == T_PAGE / LINE || line == T_PAGE / LINE + 1;

		if (flushed[line] != (in_range && !is_bad))
			fail_msg("line %zu is%s flushed", line, flushed[line] ? "" : " not");
	}
	close_it();
}

/* ---- the kernel's ranges --------------------------------------------------------------------- */

/* The kernel counts from the start of the file. */
int __wrap_mcsafe_badblocks_ask(struct mcsafe_badblocks *badblocks, int fd,
				struct mcsafe_badblocks_answer *answer)
{
	static const struct mcsafe_range ranges[] = {{0, 512},
						     {3 * T_PAGE - 512, 1024},
						     {4 * T_PAGE + 512, 512},
						     {7 * T_PAGE - 512, 1024}};

	assert_true(fd >= 0);
	for (size_t i = 0; i < T_LENGTH(ranges); i++)
		assert_int_equal(mcsafe_badblocks_add(badblocks, ranges[i].start, ranges[i].len),
				 0);
	answer->state = MCSAFE_BADBLOCKS_FOUND;
	return 0;
}

static void test_bad_ranges_of_the_file_are_counted_from_the_mapping(void **state)
{
	static const struct mcsafe_range want[] = {
		{0, 512}, {T_PAGE + 512, 512}, {4 * T_PAGE - 512, 512}};
	int fd = memfd_create("ranges", MFD_CLOEXEC);
	struct mcsafe_badblocks_answer answer;
	struct mcsafe_range bad;
	size_t at = 0;

	(void)state;
	assert_int_equal(ftruncate(fd, 8 * T_PAGE), 0);
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 3 * T_PAGE);
	assert_int_equal(
		mcsafe_pmem_open_memory(&pmem, memory, SIZE, fd, 3 * T_PAGE, MCSAFE_PMEM_NO_ASK),
		0);
	assert_int_equal(mcsafe_pmem_ask(pmem, &answer), 0);
	assert_int_equal(answer.state, MCSAFE_BADBLOCKS_FOUND);
	for (size_t i = 0; i < T_LENGTH(want); i++) {
		assert_true(mcsafe_badblocks_next(mcsafe_pmem_badblocks(pmem), at, SIZE_MAX, &bad));
		assert_int_equal(bad.start, want[i].start);
		assert_int_equal(bad.len, want[i].len);
		at = bad.start + bad.len;
	}
	assert_false(mcsafe_badblocks_next(mcsafe_pmem_badblocks(pmem), at, SIZE_MAX, &bad));
	close_it();
	close(fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_fence_follows_each_write),
		cmocka_unit_test(test_the_fence_is_one),
		cmocka_unit_test(test_persist_flushes_all_lines_but_those_that_are_known_to_be_bad),
		cmocka_unit_test(test_bad_ranges_of_the_file_are_counted_from_the_mapping),
	};

	return t_run("pmem.durable", tests, T_LENGTH(tests));
}
