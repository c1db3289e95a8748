/* SPDX-License-Identifier: BSD-3-Clause */
/* holes.c - a file that was truncated while it was mapped: read what is there, fill the rest */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "bench.h"

#define THERE 4096 /* bytes that the file still has */

struct cut {
	struct mcsafe_pmem *pmem;
	const unsigned char *map;
	unsigned char *to;
	size_t n; /* bytes past the end of the file */
	int file;
};

static double by_memset(const void *work, size_t calls)
{
	const struct cut *cut = work;
	double start = now_ns();

	for (size_t i = 0; i < calls; i++) {
		memcpy(cut->to, cut->map, THERE);
		memset(cut->to + THERE, 0, cut->n);
		sink += cut->to[THERE];
	}
	return now_ns() - start;
}

static double by_holes(const void *work, size_t calls)
{
	const struct cut *cut = work;
	double start = now_ns();

	for (size_t i = 0; i < calls; i++) {
		struct mcsafe_range hole;
		size_t nholes = 1;

		need(mcsafe_memcpy_holes(cut->to, cut->map, THERE + cut->n, 0, &hole, &nholes) ==
				     cut->n &&
			     nholes == 1 && hole.start == THERE && hole.len == cut->n,
		     "mcsafe_memcpy_holes");
	}
	return now_ns() - start;
}

static double by_holes_fd(const void *work, size_t calls)
{
	const struct cut *cut = work;
	double start = now_ns();

	for (size_t i = 0; i < calls; i++) {
		struct mcsafe_range hole;
		size_t nholes = 1;

		need(mcsafe_memcpy_holes_fd(cut->to, cut->map, THERE + cut->n, 0, &hole, &nholes,
					    cut->file, 0) == cut->n &&
			     nholes == 1 && hole.start == THERE && hole.len == cut->n,
		     "mcsafe_memcpy_holes_fd");
	}
	return now_ns() - start;
}

static double by_salvage(const void *work, size_t calls)
{
	const struct cut *cut = work;
	double start = now_ns();

	for (size_t i = 0; i < calls; i++) {
		struct mcsafe_range hole;
		size_t nholes = 1;

		need(mcsafe_pmem_salvage(cut->pmem, cut->to, THERE + cut->n, 0, 0, &hole,
					 &nholes) == (ssize_t)(THERE + cut->n) &&
			     nholes == 1 && hole.start == THERE && hole.len == cut->n,
		     "mcsafe_pmem_salvage");
	}
	return now_ns() - start;
}

void bench_holes(void)
{
	char path[] = "/tmp/mcsafe-bench-XXXXXX";
	int file = mkstemp(path);
	struct contest contest = {.count = 0};
	struct cut cut = {.n = effort.longest, .file = file};
	const size_t size = THERE + cut.n;
	const unsigned rounds = effort.rounds;

	need(file >= 0 && unlink(path) == 0 && ftruncate(file, (off_t)size) == 0, "mkstemp");
	cut.to = get_memory(size);
	cut.map = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
	need(cut.map != MAP_FAILED && mcsafe_pmem_open_fd(&cut.pmem, file, 0) == 0, "open");
	need(ftruncate(file, THERE) == 0, "ftruncate");
	contest_add(&contest, "memset", by_memset);
	contest_add(&contest, "mcsafe_memcpy_holes", by_holes);
	contest_add(&contest, "mcsafe_memcpy_holes_fd", by_holes_fd);
	contest_add(&contest, "mcsafe_pmem_salvage", by_salvage);
	/* A round may take more than a second. */
	effort.rounds = rounds / 8 + 1;
	contest_run(&contest, "holes", "", cut.n, &cut, 1);
	effort.rounds = rounds;
	mcsafe_pmem_close(cut.pmem);
	munmap((void *)(uintptr_t)cut.map, size);
	put_memory(cut.to, size);
	close(file);
}
