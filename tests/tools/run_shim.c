/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * run_shim.c - truncate a file right after a program has mapped it
 *
 * With LD_PRELOAD, the file that MCSAFE_TEST_FILE names is truncated to MCSAFE_TEST_SIZE bytes when
 * the program has mapped it for the first time. So the fault does not depend on time.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void truncate_if_mapped(const void *at, size_t n, int fd)
{
	const char *path = getenv("MCSAFE_TEST_FILE"), *size = getenv("MCSAFE_TEST_SIZE");
	struct stat mapped, wanted;

	if (at == MAP_FAILED || fd < 0 || path == NULL || size == NULL)
		return;
	/* Programs may map the first pages alone to look at a header. */
	if (fstat(fd, &mapped) == 0 && stat(path, &wanted) == 0 && mapped.st_ino == wanted.st_ino &&
	    mapped.st_dev == wanted.st_dev && n > strtoul(size, NULL, 10))
		(void)!truncate(path, strtol(size, NULL, 10));
}

static void *map(void *addr, size_t n, int prot, int flags, int fd, off_t offset)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): what the kernel returns */
	void *at = (void *)syscall(SYS_mmap, addr, n, prot, flags, fd, offset);

	truncate_if_mapped(at, n, fd);
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
