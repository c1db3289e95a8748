/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * run_shim.c - truncate a file right after a program has mapped it
 *
 * With LD_PRELOAD, the file that MCSAFE_TEST_FILE names is truncated to MCSAFE_TEST_SIZE bytes when
 * the program has mapped it for the first time. So the fault does not depend on time. For programs
 * that make their system calls without libc there is run_filter.c.
 */
#include <sys/mman.h>
#include <sys/syscall.h>

#include "run_truncate.h"

static void *map(void *addr, size_t n, int prot, int flags, int fd, off_t offset)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): what the kernel returns */
	void *at = (void *)syscall(SYS_mmap, addr, n, prot, flags, fd, offset);
	struct stat mapped;

	if (at != MAP_FAILED && fd >= 0 && fstat(fd, &mapped) == 0)
		truncate_mapped(&mapped, n);
	return at;
}

void *mmap(void *addr, size_t n, int prot, int flags, int fd, off_t offset)
{
	return map(addr, n, prot, flags, fd, offset);
}

void *mmap64(void *addr, size_t n, int prot, int flags, int fd, off64_t offset)
{
	return map(addr, n, prot, flags, fd, offset);
}
