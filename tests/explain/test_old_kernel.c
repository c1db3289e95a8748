/* SPDX-License-Identifier: BSD-3-Clause */
/* test_old_kernel.c - whether a page is poisoned, where populating may never return */
#include <sys/mman.h>
#include <unistd.h>

#include "base/pagemap.h"
#include "base/populate.h"
#include "child.h"
#include "cmocka_all.h"
#include "old_kernel.h"
#include "run.h"
#include "tool.h"
#include "uffd_poison.h"

static bool is_poisoned(const void *at)
{
	return mcsafe__has_poisoned_page((uintptr_t)at, (uintptr_t)at + 1);
}

IN_CHILD(test_only_what_the_kernel_need_not_read_is_populated)
{
	int fd = memfd_create("explain", MFD_CLOEXEC);
	unsigned char *memory = mmap(NULL, 4 * T_PAGE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		      *file = mmap(NULL, 4 * T_PAGE, PROT_READ, MAP_SHARED, fd, 0);

	CHECK_PTR_NE(memory, MAP_FAILED);
	CHECK_PTR_NE(file, MAP_FAILED);
	t_poison(memory + T_PAGE, T_PAGE);
	memory[0] = 1;
	t_release = "6.1.0-30-amd64";
	/* A page of a file that cannot be read; one that is there; one that was never touched. */
	CHECK(!is_poisoned(file + T_PAGE));
	CHECK(!is_poisoned(memory));
	CHECK(!is_poisoned(memory + 2 * T_PAGE));
	CHECK_EQ(t_populated, 0);
	CHECK(is_poisoned(memory + T_PAGE + 5));
	t_release = NULL;
	CHECK(is_poisoned(memory + T_PAGE + 5));
}

static void test_the_release_decides(void **state)
{
	static const struct {
		const char *release;
		bool returns;
	} cases[] = {
		{"4.19.0", true},
		{"5.10.0-30-amd64", true},
		{"5.13.19", true},
		{"5.14.0", false},
		{"5.19", false},
		{"6.0", false},
		{"6.1.0-30-amd64", false},
		{"6.8.12", false},
		{"6.9.0", true},
		{"6.10.3", true},
		{"6.18.44-x", true},
		{"7.0", true},
		{"10.1", true},
		{"6", false},
		{"", false},
		{"x6.9", false},
	};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		t_release = cases[i].release;
		assert_int_equal(mcsafe__populate_returns(), cases[i].returns);
	}
	t_release = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_release_decides),
		NOT_WITH_VALGRIND(test_only_what_the_kernel_need_not_read_is_populated),
	};

	return t_run("explain.old_kernel", tests, T_LENGTH(tests));
}
