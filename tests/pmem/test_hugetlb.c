/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_hugetlb.c - holes in files of hugetlbfs, and a pool that has no page left
 *
 * The kernel does not say where such a file has a hole. lseek(2) takes all of it for data;
 * mincore(2) and /proc/self/pagemap tell what this process has touched, and not what the file has;
 * cachestat(2) refuses. pread(2) would tell, but it copies in the kernel, which does not survive
 * poison there. But mmap(2) has set a page aside for each page of the file: reading a hole takes a
 * page that nobody else could have had.
 */
#include <mcsafe/pmem.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "huge_pages.h"
#include "run.h"

#define WRITING (MCSAFE_PMEM_WRITE | MCSAFE_PMEM_NO_ASK)
#define PAGES   ((size_t)3)
#define SIZE    (PAGES * T_HUGE)

static struct mcsafe_pmem *pmem;
static int fd;
static unsigned char *back;

static void new_file(void)
{
	if (!t_reserve_huge_pages(PAGES + 2))
		t_skip("there are no huge pages; root can reserve some (vm.nr_hugepages)");
	t_install();
	fd = memfd_create("hugetlb", MFD_CLOEXEC | MFD_HUGETLB);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)SIZE), 0);
	if (back == NULL)
		back = malloc(SIZE);
	assert_non_null(back);
}

static void close_it(void)
{
	mcsafe_pmem_close(pmem);
	close(fd);
}

static size_t known(void)
{
	return mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(pmem));
}

/* Others take all huge pages but so many. */
static void *others_take_all_but(size_t n, size_t *size)
{
	unsigned char *memory;

	*size = (t_huge_pages_left() - n) * T_HUGE;
	memory = mmap(NULL, *size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	assert_true((void *)memory != MAP_FAILED);
	for (size_t at = 0; at < *size; at += T_HUGE)
		memory[at] = 1;
	assert_int_equal(t_huge_pages_left(), n);
	return memory;
}

static void check_zeros(size_t n, size_t offset)
{
	memset(back, '?', n);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, n, (off_t)offset, NULL), n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(back[i], 0);
}

static void test_a_read_of_a_hole_takes_only_what_mmap_has_set_aside(void **state)
{
	struct mcsafe_scrub_progress progress;
	size_t before, size;
	struct stat st;
	void *others;

	(void)state;
	new_file();
	before = t_huge_pages_left();
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	assert_int_equal(t_huge_pages_left(), before - PAGES);
	/* Why holes are not found. If this is no longer so, they can be. */
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_blocks, 0);
	print_message("SEEK_HOLE in a file that is one hole: %ld of %zu bytes\n",
		      (long)lseek(fd, 0, SEEK_HOLE), SIZE);

	others = others_take_all_but(0, &size);
	check_zeros(T_HUGE, T_HUGE);
	assert_int_equal(mcsafe_pmem_scrub(pmem, NULL, &progress), 0);
	assert_int_equal(progress.offset, SIZE);
	assert_int_equal(progress.failed, 0);
	check_zeros(SIZE, 0);
	assert_int_equal(t_huge_pages_left(), 0);
	assert_int_equal(known(), 0);
	assert_int_equal(munmap(others, size), 0);
	close_it();
	assert_int_equal(t_huge_pages_left(), before);
}

static void test_an_empty_file_has_no_mapping(void **state)
{
	struct mcsafe_pmem_info info;
	char byte;

	(void)state;
	new_file();
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	mcsafe_pmem_get_info(pmem, &info);
	assert_int_equal(info.size, 0);
	assert_int_equal(mcsafe_pmem_pread(pmem, &byte, 1, 0, NULL), 0);
	close_it();
}

static void test_a_file_for_which_too_few_pages_are_left_is_not_opened(void **state)
{
	size_t size;
	void *others;

	(void)state;
	new_file();
	others = others_take_all_but(PAGES - 1, &size);
	pmem = NULL;
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), -ENOMEM);
	assert_null(pmem);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING | MCSAFE_PMEM_RESERVE), -ENOSPC);
	assert_null(pmem);
	assert_int_equal(munmap(others, size), 0);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING | MCSAFE_PMEM_RESERVE), 0);
	close_it();
}

/* Memory of the caller need not have pages set aside (MAP_NORESERVE). */
static void test_no_page_is_an_error_that_passes(void **state)
{
	static unsigned char data[T_PAGE];
	unsigned char *memory;
	size_t size;
	void *others;

	(void)state;
	new_file();
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	assert_true((void *)memory != MAP_FAILED);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, SIZE, fd, 0, WRITING), 0);
	memset(data, 'd', sizeof(data));
	others = others_take_all_but(1, &size);
	errno = 4711;
	assert_int_equal(mcsafe_pmem_pwrite(pmem, data, T_PAGE, T_HUGE - 1000, NULL), 1000);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, data, T_PAGE, T_HUGE, NULL), -ENOSPC);
	assert_int_equal(mcsafe_pmem_repair(pmem, NULL, T_HUGE, T_HUGE), -ENOSPC);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL), T_HUGE);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, 1, T_HUGE, NULL), -EIO);
	assert_int_equal(errno, 4711);
	assert_int_equal(known(), 0);
	assert_int_equal(munmap(others, size), 0);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, data, T_PAGE, T_HUGE, NULL), T_PAGE);
	assert_int_equal(mcsafe_pmem_repair(pmem, NULL, T_HUGE, 2 * T_HUGE), T_HUGE);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL), SIZE);
	assert_memory_equal(back + T_HUGE - 1000, data, 1000);
	assert_memory_equal(back + T_HUGE, data, T_PAGE);
	close_it();
	munmap(memory, SIZE);
}

/* A page that somebody has punched out of the file is no longer set aside for it. */
static void test_a_hole_that_somebody_has_punched_passes_too(void **state)
{
	size_t size;
	void *others;

	(void)state;
	new_file();
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	check_zeros(SIZE, 0);
	assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, T_HUGE, T_HUGE),
			 0);
	others = others_take_all_but(0, &size);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL), T_HUGE);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, 1, T_HUGE, NULL), -EIO);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, "x", 1, T_HUGE, NULL), -ENOSPC);
	assert_int_equal(known(), 0);
	assert_int_equal(munmap(others, size), 0);
	check_zeros(SIZE, 0);
	close_it();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_read_of_a_hole_takes_only_what_mmap_has_set_aside),
		cmocka_unit_test(test_an_empty_file_has_no_mapping),
		cmocka_unit_test(test_a_file_for_which_too_few_pages_are_left_is_not_opened),
		cmocka_unit_test(test_no_page_is_an_error_that_passes),
		cmocka_unit_test(test_a_hole_that_somebody_has_punched_passes_too),
	};

	return t_run("pmem.hugetlb", tests, T_LENGTH(tests));
}
