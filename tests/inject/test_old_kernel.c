/* SPDX-License-Identifier: BSD-3-Clause */
/* test_old_kernel.c - what HWPOISON asks the kernel, where populating may never return */
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "cmocka_all.h"
#include "inject/injection.h"
#include "old_kernel.h"
#include "run.h"
#include "tool.h"

/* After the injection is gone, a page of a file is not there, and cannot be read from the disk. */
IN_CHILD(test_a_page_that_cannot_be_read_is_not_populated)
{
	int fd = memfd_create("inject", MFD_CLOEXEC);
	struct mcsafe__injection piece = {.kind = MCSAFE_INJECT_HWPOISON,
					  .prot = PROT_READ,
					  .shared = true,
					  .len = 4 * T_PAGE};
	void *map = mmap(NULL, 4 * T_PAGE, PROT_READ, MAP_SHARED, fd, 0);

	CHECK_PTR_NE(map, MAP_FAILED);
	piece.start = (uintptr_t)map;
	t_release = "6.1.0-30-amd64";
	CHECK_EQ(mcsafe__hwpoison_undo(&piece), 0);
	CHECK_EQ(t_populated, 0);
	t_release = "6.9.1";
	CHECK_EQ(mcsafe__hwpoison_undo(&piece), 0);
	CHECK_EQ(t_populated, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_page_that_cannot_be_read_is_not_populated),
	};

	return t_run("inject.old_kernel", tests, T_LENGTH(tests));
}
