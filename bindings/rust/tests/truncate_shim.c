/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * truncate_shim.c - truncate a file right after a program has mapped it, or first read from it
 *
 * For LD_PRELOAD: the file that MCSAFE_TEST_FILE names is truncated to MCSAFE_TEST_SIZE bytes. So
 * the comparison of programs does not depend on time.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void truncate_used(int fd)
{
	const char *path = getenv("MCSAFE_TEST_FILE"), *size = getenv("MCSAFE_TEST_SIZE");
	struct stat used, wanted;

	if (path != NULL && size != NULL && fd >= 0 && fstat(fd, &used) == 0 &&
	    stat(path, &wanted) == 0 && used.st_ino == wanted.st_ino &&
	    used.st_dev == wanted.st_dev)
		(void)!truncate(path, strtol(size, NULL, 10));
}

void *mmap(void *addr, size_t n, int prot, int flags, int fd, off_t offset)
{
	void *at = (void *)syscall(SYS_mmap, addr, n, prot, flags, fd, offset);

	if (at != MAP_FAILED)
		truncate_used(fd);
	return at;
}

void *mmap64(void *addr, size_t n, int prot, int flags, int fd, off64_t offset)
{
	return mmap(addr, n, prot, flags, fd, offset);
}

ssize_t read(int fd, void *bytes, size_t n)
{
	ssize_t got = syscall(SYS_read, fd, bytes, n);

	if (got > 0)
		truncate_used(fd);
	return got;
}
