/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bad_medium.c - a library to preload: parts of one file cannot be read, as on a bad disk
 *
 * The file is BAD_MEDIUM. Each variable below has a list of ranges in whole pages, "4096+8192,...".
 * A load from them raises SIGBUS.
 *
 *	BAD_LOST      pread(2) fails with EIO. pwrite(2) makes the range good.
 *	BAD_WORN      The same, but pwrite(2) and fallocate(2) fail with EIO.
 *	BAD_PASSING   pread(2) works: the error may pass.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 64

enum way { LOST, WORN, PASSING };

static struct bad {
	off_t start, end;
	char *mapped; /* where the last mapping has it; NULL: nowhere */
	enum way way;
	bool is_good; /* it was repaired */
} list[MOST];

static size_t count;

static void read_list(enum way way, const char *name)
{
	const char *text = getenv(name);
	char *end;

	for (; text != NULL && *text != '\0' && count < MOST; text = *end == ',' ? end + 1 : "") {
		struct bad *bad = &list[count++];

		bad->way = way;
		bad->start = strtol(text, &end, 10);
		bad->end = bad->start + strtol(end + 1, &end, 10);
	}
}

__attribute__((constructor)) static void read_lists(void)
{
	read_list(LOST, "BAD_LOST");
	read_list(WORN, "BAD_WORN");
	read_list(PASSING, "BAD_PASSING");
}

static bool is_it(int fd)
{
	const char *path = getenv("BAD_MEDIUM");
	struct stat one, other;

	return path != NULL && fd >= 0 && fstat(fd, &one) == 0 && stat(path, &other) == 0 &&
	       one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* The result of dlsym(3) as a function. */
#define REAL(name, type)     \
 ((union {                   \
void *symbol;                    \
type *function;                  \
  }){dlsym(RTLD_NEXT, name)} \
	  .function)

typedef void *mmap_fn(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
typedef ssize_t pread_fn(int fd, void *to, size_t n, off_t at);
typedef ssize_t pwrite_fn(int fd, const void *from, size_t n, off_t at);
typedef int fallocate_fn(int fd, int mode, off_t at, off_t n);

/* A page past the end of a file raises SIGBUS with BUS_ADRERR, as the kernel does for a disk. */
static void spoil(struct bad *bad)
{
	static int empty = -1;

	if (empty < 0)
		empty = memfd_create("bad medium", MFD_CLOEXEC);
	if (REAL("mmap", mmap_fn)(bad->mapped, (size_t)(bad->end - bad->start), PROT_READ,
				  MAP_SHARED | MAP_FIXED, empty, 0) == MAP_FAILED)
		abort();
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): those of libc are reserved. */
void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	char *map = REAL("mmap", mmap_fn)(addr, len, prot, flags, fd, offset);

	if (map == MAP_FAILED || !is_it(fd))
		return map;
	for (size_t i = 0; i < count; i++)
		if (list[i].start >= offset && list[i].end <= offset + (off_t)len &&
		    !list[i].is_good) {
			list[i].mapped = map + (list[i].start - offset);
			spoil(&list[i]);
		}
	return map;
}

void *mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	return mmap(addr, len, prot, flags, fd, offset);
}

static struct bad *find(int fd, off_t at, size_t n)
{
	if (!is_it(fd))
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (!list[i].is_good && list[i].start < at + (off_t)n && list[i].end > at)
			return &list[i];
	return NULL;
}

ssize_t pread(int fd, void *to, size_t n, off_t at)
{
	const struct bad *bad = find(fd, at, n);

	if (bad == NULL || bad->way == PASSING)
		return REAL("pread", pread_fn)(fd, to, n, at);
	errno = EIO;
	return -1;
}

ssize_t pread64(int fd, void *to, size_t n, off_t at)
{
	return pread(fd, to, n, at);
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
	struct bad *bad;

	while ((bad = find(fd, at, n)) != NULL) {
		if (bad->way == WORN) {
			errno = EIO;
			return -1;
		}
		bad->is_good = true;
		if (bad->mapped != NULL &&
		    REAL("mmap", mmap_fn)(bad->mapped, (size_t)(bad->end - bad->start),
					  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
					  bad->start) == MAP_FAILED)
			abort();
	}
	return REAL("pwrite", pwrite_fn)(fd, from, n, at);
}

ssize_t pwrite64(int fd, const void *from, size_t n, off_t at)
{
	return pwrite(fd, from, n, at);
}

int fallocate(int fd, int mode, off_t at, off_t n)
{
	const struct bad *bad = find(fd, at, (size_t)n);

	if (bad == NULL || bad->way != WORN)
		return REAL("fallocate", fallocate_fn)(fd, mode, at, n);
	errno = EIO;
	return -1;
}

int fallocate64(int fd, int mode, off_t at, off_t n)
{
	return fallocate(fd, mode, at, n);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
