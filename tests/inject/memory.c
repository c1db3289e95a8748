/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.c - every type of memory that an injection is tried on */
#include "memory.h"
#include "sanitizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)

const char *memory_name(enum memory_type type)
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

unsigned char content_byte(size_t i)
{
	return (unsigned char)(1 + (i + i / T_PAGE) % 251);
}

/* Where files have a disk behind them: /mnt/ext4 in the guest of tests/vm, whose /tmp is memory. */
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
		bytes[i] = content_byte(i);
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

	/* Inaccessible memory stays on both sides: no neighbour merges with the region. */
	assert_ptr_not_equal(area, MAP_FAILED);
	return mmap(base, size, prot, flags | MAP_FIXED, fd, 0);
}

struct region region_open(enum memory_type type)
{
	struct region region = {.type = type, .unit = is_huge(type) ? T_HUGE : T_PAGE};
	bool is_file = type >= FILE_PRIVATE && type <= FILE_SHARED_READONLY;
	int flags;
	size_t i;

	region.size = type == THP ? 2 * T_HUGE : UNITS * region.unit;
	region.writable = type != FILE_PRIVATE_READONLY && type != FILE_SHARED_READONLY;
	region.shared = type == SHARED_ANON || type == MEMFD || type == FILE_SHARED ||
			type == FILE_SHARED_READONLY || type == HUGETLB_SHARED;
	region.fd = open_object(type);
	if (region.fd >= 0)
		assert_int_equal(ftruncate(region.fd, (off_t)region.size), 0);
	if (is_file)
		write_content(region.fd, region.size);

	flags = region.shared ? MAP_SHARED : MAP_PRIVATE;
	if (region.fd < 0)
		flags |= MAP_ANONYMOUS;
	if (type == HUGETLB_PRIVATE)
		flags |= MAP_HUGETLB;
	region.base = map_aligned(region.size, type == THP ? T_HUGE : region.unit,
				  region.writable ? RW : PROT_READ, flags, region.fd);
	assert_ptr_not_equal(region.base, MAP_FAILED);
	if (type == THP)
		assert_int_equal(madvise(region.base, region.size, MADV_HUGEPAGE), 0);
	for (i = 0; region.writable && i < region.size; i++)
		region.base[i] = content_byte(i);
	return region;
}

void region_close(struct region *region)
{
	assert_int_equal(munmap(region->base, region->size), 0);
	if (region->fd >= 0)
		close(region->fd);
}

/* ---- huge pages --------------------------------------------------------------------------- */

#define POOL "/proc/sys/vm/nr_hugepages"

static long pool_before = -1;

static bool set_pool(long pages)
{
	FILE *file = fopen(POOL, "w");
	bool written = file != NULL && fprintf(file, "%ld\n", pages) > 0;

	return file != NULL && fclose(file) == 0 && written;
}

static void restore_pool(void)
{
	set_pool(pool_before);
}

static bool can_map_huge(size_t size)
{
	void *huge = mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	return huge != MAP_FAILED && munmap(huge, size) == 0;
}

bool reserve_huge_pages(void)
{
	size_t size = (UNITS + 2) * T_HUGE;
	FILE *file;
	/* Tests of other builds may want some at the same time: they wait for this process to end. */
	int lock = open(POOL, O_RDONLY | O_CLOEXEC);

	if (lock >= 0)
		flock(lock, LOCK_EX);
	if (can_map_huge(size))
		return true;
	file = fopen(POOL, "r");
	if (file == NULL || fscanf(file, "%ld", &pool_before) != 1)
		return false;
	fclose(file);
	if (!set_pool(pool_before + UNITS + 2))
		return false;
	atexit(restore_pool);
	return can_map_huge(size);
}

/* ---- leaks -------------------------------------------------------------------------------- */

size_t count_mappings(void)
{
#if T_SANITIZER
	/* They map memory whenever they like; the plain build counts. */
	return 0;
#endif
	FILE *maps = fopen("/proc/self/maps", "re");
	size_t lines = 0;
	int c;

	assert_non_null(maps);
	while ((c = getc(maps)) != EOF)
		lines += c == '\n';
	fclose(maps);
	return lines;
}

size_t count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t entries = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		entries++;
	closedir(dir);
	return entries;
}
