/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.c - every type of memory that the injection tests try */
#include "memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)

const char *memory_type_name(enum memory_type type)
{
	static const char *const names[MEMORY_TYPES] = {
		[PRIVATE_ANON] = "private anonymous",
		[SHARED_ANON] = "shared anonymous",
		[MEMFD] = "memfd",
		[FILE_PRIVATE] = "private file",
		[FILE_PRIVATE_READONLY] = "private read-only file",
		[FILE_SHARED] = "shared file",
		[FILE_SHARED_READONLY] = "shared read-only file",
		[THP] = "transparent huge pages",
		[HUGETLB_PRIVATE] = "private hugetlb",
		[HUGETLB_SHARED] = "shared hugetlb",
	};

	return names[type];
}

unsigned char mapping_byte(size_t i)
{
	return (unsigned char)(1 + (i + i / T_PAGE) % 251);
}

/* A file on a disk. The guest of tests/vm has /mnt/ext4 for this, because its /tmp is in memory. */
static int open_file(void)
{
	const char *dir = getenv("MCSAFE_GUEST") != NULL ? "/mnt/ext4" : "/var/tmp";
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0) { /* the file system has no O_TMPFILE */
		char path[] = "/var/tmp/mcsafe-inject-XXXXXX";

		fd = mkostemp(path, O_CLOEXEC);
		unlink(path);
	}
	return fd;
}

static int open_object(enum memory_type type)
{
	switch (type) {
	case MEMFD:
		return memfd_create("mcsafe-test", MFD_CLOEXEC);
	case HUGETLB_SHARED:
		return memfd_create("mcsafe-test", MFD_CLOEXEC | MFD_HUGETLB);
	case FILE_PRIVATE:
	case FILE_PRIVATE_READONLY:
	case FILE_SHARED:
	case FILE_SHARED_READONLY:
		return open_file();
	default:
		return -1;
	}
}

static bool is_huge(enum memory_type type)
{
	return type == HUGETLB_PRIVATE || type == HUGETLB_SHARED;
}

static void write_content(int fd, size_t size)
{
	unsigned char *bytes = malloc(size);
	size_t i;

	assert_non_null(bytes);
	for (i = 0; i < size; i++)
		bytes[i] = mapping_byte(i);
	assert_int_equal(pwrite(fd, bytes, size, 0), size);
	assert_int_equal(fsync(fd), 0);
	free(bytes);
}

static void *map_aligned(size_t size, size_t alignment, int prot, int flags, int fd)
{
	unsigned char *area =
		mmap(NULL, size + 2 * alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *base = (unsigned char *)(((uintptr_t)area + 2 * alignment - 1) &
						~(uintptr_t)(alignment - 1));

	/*
	 * Inaccessible memory stays on both sides, so that the kernel merges no neighbour with the
	 * mapping.
	 */
	assert_ptr_not_equal(area, MAP_FAILED);
	return mmap(base, size, prot, flags | MAP_FIXED, fd, 0);
}

struct mapping mapping_open(enum memory_type type)
{
	struct mapping mapping = {.type = type, .unit = is_huge(type) ? T_HUGE : T_PAGE};
	bool is_file = type >= FILE_PRIVATE && type <= FILE_SHARED_READONLY;
	int flags;
	size_t i;

	mapping.size = type == THP ? 2 * T_HUGE : MAPPING_UNITS * mapping.unit;
	mapping.writable = type != FILE_PRIVATE_READONLY && type != FILE_SHARED_READONLY;
	mapping.shared = type == SHARED_ANON || type == MEMFD || type == FILE_SHARED ||
			 type == FILE_SHARED_READONLY || type == HUGETLB_SHARED;
	mapping.fd = open_object(type);
	if (mapping.fd >= 0)
		assert_int_equal(ftruncate(mapping.fd, (off_t)mapping.size), 0);
	if (is_file)
		write_content(mapping.fd, mapping.size);

	flags = mapping.shared ? MAP_SHARED : MAP_PRIVATE;
	if (mapping.fd < 0)
		flags |= MAP_ANONYMOUS;
	if (type == HUGETLB_PRIVATE)
		flags |= MAP_HUGETLB;
	mapping.base = map_aligned(mapping.size, type == THP ? T_HUGE : mapping.unit,
				   mapping.writable ? RW : PROT_READ, flags, mapping.fd);
	assert_ptr_not_equal(mapping.base, MAP_FAILED);
	if (type == THP)
		assert_int_equal(madvise(mapping.base, mapping.size, MADV_HUGEPAGE), 0);
	for (i = 0; mapping.writable && i < mapping.size; i++)
		mapping.base[i] = mapping_byte(i);
	return mapping;
}

void mapping_close(struct mapping *mapping)
{
	assert_int_equal(munmap(mapping->base, mapping->size), 0);
	if (mapping->fd >= 0)
		close(mapping->fd);
}
