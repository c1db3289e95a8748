/* SPDX-License-Identifier: BSD-3-Clause */
/* test_msan.c - what MemorySanitizer is told of reads and writes: what was initialized, no more */
#include <mcsafe/pmem.h>

#include <errno.h>
#include <sanitizer/msan_interface.h>
#include <string.h>
#include <sys/mman.h>

#include "run.h"

#define N    64
#define GOOD 24 /* initialized bytes of what is read */

/* The first byte of [p, p + n) that is not initialized; -1: there is none. */
static intptr_t first_poisoned(const void *p, size_t n)
{
	return __msan_test_shadow(p, n);
}

static unsigned char *memory; /* two pages */

static struct mcsafe_pmem *opened(int flags)
{
	struct mcsafe_pmem *pmem;

	memory = mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	t_install();
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, 2 * T_PAGE, -1, 0,
						 MCSAFE_PMEM_WRITE | flags),
			 0);
	return pmem;
}

static void closed(struct mcsafe_pmem *pmem)
{
	mcsafe_pmem_close(pmem);
	assert_int_equal(munmap(memory, 2 * T_PAGE), 0);
}

static void test_reads_hand_on_what_was_initialized(void **state)
{
	struct mcsafe_pmem *pmem = opened(MCSAFE_PMEM_FLUSH);
	struct iovec parts[2];
	struct mcsafe_iter it;
	char buf[N];

	(void)state;
	__msan_poison(memory + GOOD, N);
	__msan_poison(buf, N);
	assert_int_equal(mcsafe_pmem_pread(pmem, buf, N, 0, NULL), N);
	assert_int_equal(first_poisoned(buf, N), GOOD);

	__msan_poison(buf, N);
	parts[0] = (struct iovec){buf, 5};
	parts[1] = (struct iovec){buf + 5, N - 5};
	assert_int_equal(mcsafe_pmem_preadv(pmem, parts, 2, 0, NULL), N);
	assert_int_equal(first_poisoned(buf, N), GOOD);

	__msan_poison(buf, N);
	assert_int_equal(mcsafe_iter_ubuf(&it, MCSAFE_SIDE_DESTINATION, buf, N), 0);
	assert_int_equal(mcsafe_pmem_read_iter(pmem, &it, N, 0, NULL), N);
	assert_int_equal(first_poisoned(buf, N), GOOD);

	__msan_poison(buf, N);
	assert_int_equal(mcsafe_pmem_pread(pmem, buf, GOOD, 0, NULL), GOOD);
	assert_int_equal(first_poisoned(buf, N), GOOD);
	closed(pmem);
}

/* With each way to make them durable. */
static void test_writes_hand_on_what_was_initialized(void **state)
{
	const int flags[] = {0, MCSAFE_PMEM_FLUSH};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(flags); i++) {
		struct mcsafe_pmem *pmem = opened(flags[i]);
		char buf[T_PAGE];

		memset(buf, 1, sizeof(buf));
		__msan_poison(memory, 2 * T_PAGE);
		__msan_poison(buf + T_PAGE - GOOD, GOOD);
		assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, T_PAGE, 0, NULL), T_PAGE);
		assert_int_equal(first_poisoned(memory, T_PAGE), T_PAGE - GOOD);
		assert_int_equal(first_poisoned(memory + T_PAGE, T_PAGE), 0);
		assert_int_equal(mcsafe_pmem_persist(pmem, 0, T_PAGE), 0);
		closed(pmem);
	}
}

/* What could not be read has the fill; what is behind it is as it was. */
static void test_salvage_initializes_what_it_fills(void **state)
{
	struct mcsafe_pmem *pmem = opened(MCSAFE_PMEM_FLUSH);
	struct mcsafe_fault fault;
	static char buf[2 * T_PAGE];
	size_t n_holes = 0;

	(void)state;
	memset(memory, 1, 2 * T_PAGE);
	assert_int_equal(mprotect(memory, T_PAGE, PROT_NONE), 0);
	__msan_poison(memory + T_PAGE + GOOD, 1);
	__msan_poison(buf, sizeof(buf));
	__msan_poison(&fault, sizeof(fault));
	assert_int_equal(mcsafe_pmem_pread(pmem, buf, 2 * T_PAGE, 0, &fault), -EIO);
	assert_int_equal(first_poisoned(buf, sizeof(buf)), 0);
	assert_int_equal(first_poisoned(&fault, sizeof(fault)), -1);
	assert_int_equal(mcsafe_pmem_salvage(pmem, buf, 2 * T_PAGE, 0, 0xee, NULL, &n_holes),
			 2 * T_PAGE);
	assert_int_equal(n_holes, 1);
	assert_int_equal(first_poisoned(buf, sizeof(buf)), T_PAGE + GOOD);
	closed(pmem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_hand_on_what_was_initialized),
		cmocka_unit_test(test_writes_hand_on_what_was_initialized),
		cmocka_unit_test(test_salvage_initializes_what_it_fills),
	};

	return t_run("pmem.msan", tests, T_LENGTH(tests));
}
