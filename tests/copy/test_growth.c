/* SPDX-License-Identifier: BSD-3-Clause */
/* test_growth.c - a file that grows while mcsafe_memcpy_holes_fd() asks where it ends */
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mcsafe/copy.h>

#include "run.h"

#define PAGES 8
#define GOOD  100 /* bytes of the file: one page can be read */
#define FILL  0x5a

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);

/* The linker wraps fstat(2). The call grows the file before it asks, or after that. */
static enum { NEVER, BEFORE, AFTER } grows;
static int calls;

int __wrap_fstat(int fd, struct stat *st)
{
	int result;

	if (grows == BEFORE)
		assert_int_equal(ftruncate(fd, PAGES * T_PAGE), 0);
	result = __real_fstat(fd, st);
	if (grows == AFTER)
		assert_int_equal(ftruncate(fd, PAGES * T_PAGE), 0);
	calls++;
	return result;
}

static unsigned char dst[PAGES * T_PAGE];
static struct mcsafe_range hole;
static size_t found;

/* Returns the result of a copy of all pages, of which the file has one at first. */
static size_t copy_while_it_grows(void)
{
	int fd = memfd_create("growth", MFD_CLOEXEC);
	void *src = mmap(NULL, sizeof(dst), PROT_READ, MAP_SHARED, fd, 0);
	size_t lost;

	assert_ptr_not_equal(src, MAP_FAILED);
	assert_int_equal(ftruncate(fd, GOOD), 0);
	memset(dst, 1, sizeof(dst));
	found = 1;
	calls = 0;
	lost = mcsafe_memcpy_holes_fd(dst, src, sizeof(dst), FILL, &hole, &found, fd, 0);
	grows = NEVER;
	assert_int_equal(found, 1);
	assert_int_equal(hole.start, T_PAGE);
	assert_int_equal(hole.len, lost);
	for (size_t i = 0; i < sizeof(dst); i++)
		assert_int_equal(dst[i], i >= T_PAGE && i < T_PAGE + lost ? FILL : 0);
	munmap(src, sizeof(dst));
	close(fd);
	return lost;
}

static void test_what_was_past_the_end_when_asked_is_a_hole(void **state)
{
	(void)state;
	t_install();
	grows = AFTER;
	assert_int_equal(copy_while_it_grows(), sizeof(dst) - T_PAGE);
	assert_int_equal(calls, 1);
}

static void test_a_file_that_has_grown_loses_the_page_that_failed(void **state)
{
	(void)state;
	t_install();
	grows = BEFORE;
	assert_int_equal(copy_while_it_grows(), T_PAGE);
	assert_int_equal(calls, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_past_the_end_when_asked_is_a_hole),
		cmocka_unit_test(test_a_file_that_has_grown_loses_the_page_that_failed),
	};

	return t_run("copy.growth", tests, T_LENGTH(tests));
}
