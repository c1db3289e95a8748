/* SPDX-License-Identifier: BSD-3-Clause */
/* test_folio.c - a page is taken out of a large folio, and keeps its bytes */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "cmocka_all.h"
#include "inject/folio.h"
#include "run.h"
#include "tool.h"

#ifndef MADV_COLLAPSE
# define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

static void test_only_the_first_try_splits(void **state)
{
	size_t size = 2 * T_HUGE;
	unsigned char *room =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *base = room + (T_HUGE - (uintptr_t)room % T_HUGE) % T_HUGE;
	struct mcsafe__file_part none = {.start = (uintptr_t)room,
					 .end = (uintptr_t)room + size,
					 .link = "/proc/self/map_files/0-0"};
	uintptr_t page = (uintptr_t)base + 7 * T_PAGE;

	(void)state;
	assert_ptr_not_equal(room, MAP_FAILED);
	if (geteuid() != 0)
		t_skip("only root sees the numbers of pages");
	memset(base, 7, T_HUGE);
	if (madvise(base, T_HUGE, MADV_COLLAPSE) != 0)
		t_skip("MADV_COLLAPSE: %s", strerror(errno));
	assert_true(mcsafe__split_folio(&none, page));
	assert_false(mcsafe__split_folio(&none, page));
	for (size_t i = 0; i < T_HUGE; i++)
		assert_int_equal(base[i], 7);
	munmap(room, size);
}

/* A page that is not in memory, and one that nothing is mapped at. */
static void test_there_may_be_no_page(void **state)
{
	void *page = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mcsafe__file_part none = {.start = (uintptr_t)page,
					 .end = (uintptr_t)page + T_PAGE,
					 .link = "/proc/self/map_files/0-0"};

	(void)state;
	assert_ptr_not_equal(page, MAP_FAILED);
	assert_false(mcsafe__split_folio(&none, (uintptr_t)page));
	assert_int_equal(munmap(page, T_PAGE), 0);
	assert_false(mcsafe__split_folio(&none, (uintptr_t)page));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_first_try_splits),
		cmocka_unit_test(test_there_may_be_no_page),
	};

	return t_run("inject.folio", tests, T_LENGTH(tests));
}
