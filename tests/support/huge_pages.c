/* SPDX-License-Identifier: BSD-3-Clause */
/* huge_pages.c - pages of the hugetlb pool */
#include "huge_pages.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>

#include "basics.h"

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
	void *huge = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	return huge != MAP_FAILED && munmap(huge, size) == 0;
}

bool t_reserve_huge_pages(size_t n)
{
	static int lock = -1; /* held until this process ends */
	FILE *file;

	if (lock < 0) {
		lock = open(POOL, O_RDONLY | O_CLOEXEC);
		if (lock >= 0)
			flock(lock, LOCK_EX);
	}
	if (can_map_huge(n * T_HUGE))
		return true;
	if (pool_before < 0) {
		file = fopen(POOL, "r");
		if (file == NULL || fscanf(file, "%ld", &pool_before) != 1)
			return false;
		fclose(file);
		atexit(restore_pool);
	}
	if (!set_pool(pool_before + (long)n))
		return false;
	return can_map_huge(n * T_HUGE);
}

static size_t number_in(const char *name)
{
	char path[128];
	FILE *file;
	size_t n = 0;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%zukB/%s", T_HUGE / 1024,
		 name);
	file = fopen(path, "re");
	if (file == NULL || fscanf(file, "%zu", &n) != 1)
		abort();
	fclose(file);
	return n;
}

size_t t_huge_pages_left(void)
{
	return number_in("free_hugepages") - number_in("resv_hugepages");
}
