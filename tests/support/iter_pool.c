/* SPDX-License-Identifier: BSD-3-Clause */
/* iter_pool.c - memory whose faults are planted once, and a model of its content */
#include "iter_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK_PAGES (POOL_LARGE_PAGES + 1)
#define POOL_PAGES  (2 * POOL_KINDS * BLOCK_PAGES)
#define POOL_BYTES  (POOL_PAGES * T_PAGE)
#define WINDOW      ((size_t)512)

/* The lowest pages are never mapped: see mmap_min_addr in proc(5). */
#define NOT_MAPPED ((uintptr_t)0x1000)

static unsigned char *memory;
static unsigned char model[POOL_BYTES];

static struct {
	bool readable;
	bool writable;
	enum mcsafe_cause cause;
} pages[POOL_PAGES];

static void need(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(EXIT_FAILURE);
	}
}

static size_t block_page(enum mcsafe_side side, enum pool_kind kind)
{
	size_t first = side == MCSAFE_SIDE_SOURCE ? 0 : POOL_KINDS;

	return (first + (size_t)kind) * BLOCK_PAGES;
}

static size_t good_pages(enum pool_kind kind)
{
	return kind == POOL_LARGE ? POOL_LARGE_PAGES : 1;
}

static void map_file_with_one_page(unsigned char *at)
{
	int fd = memfd_create("pool", MFD_CLOEXEC);

	need(fd >= 0 && ftruncate(fd, (off_t)T_PAGE) == 0, "memfd");
	need(mmap(at, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) !=
		     MAP_FAILED,
	     "mmap of the file");
	close(fd);
}

static void open_block(enum mcsafe_side side, enum pool_kind kind)
{
	size_t first = block_page(side, kind), n = good_pages(kind);
	unsigned char *at = memory + first * T_PAGE;

	if (kind == POOL_NOT_MAPPED)
		return;
	if (kind == POOL_END_OF_FILE)
		map_file_with_one_page(at);
	else
		need(mprotect(at, n * T_PAGE, PROT_READ | PROT_WRITE) == 0, "mprotect");
	for (size_t i = 0; i < n; i++)
		pages[first + i].readable = pages[first + i].writable = true;

	if (kind == POOL_GOOD || kind == POOL_READ_ONLY) {
		need(mprotect(at + T_PAGE, T_PAGE, PROT_READ | PROT_WRITE) == 0, "mprotect");
		pages[first + 1].readable = true;
		pages[first + 1].writable = kind == POOL_GOOD;
	}
	if (kind == POOL_END_OF_FILE)
		pages[first + 1].cause = MCSAFE_CAUSE_IO;

	for (size_t i = 0; i <= n; i++) {
		size_t page = (first + i) * T_PAGE;

		for (size_t byte = 0; pages[first + i].readable && byte < T_PAGE; byte++)
			memory[page + byte] = model[page + byte] =
				(unsigned char)((page + byte) * 167 >> 3);
	}
	if (kind == POOL_READ_ONLY)
		need(mprotect(at + T_PAGE, T_PAGE, PROT_READ) == 0, "mprotect");
}

void pool_open(void)
{
	memory = mmap(NULL, POOL_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(memory != MAP_FAILED, "mmap");
	for (size_t i = 0; i < POOL_PAGES; i++)
		pages[i].cause = MCSAFE_CAUSE_PROTECTED;
	for (int kind = 0; kind < POOL_KINDS; kind++) {
		open_block(MCSAFE_SIDE_SOURCE, (enum pool_kind)kind);
		open_block(MCSAFE_SIDE_DESTINATION, (enum pool_kind)kind);
	}
}

uintptr_t pool_border(enum mcsafe_side side, enum pool_kind kind)
{
	if (kind == POOL_NOT_MAPPED)
		return NOT_MAPPED + T_PAGE;
	return (uintptr_t)pool_base(side, kind) + good_pages(kind) * T_PAGE;
}

void *pool_base(enum mcsafe_side side, enum pool_kind kind)
{
	if (kind == POOL_NOT_MAPPED)
		return (void *)NOT_MAPPED;
	return memory + block_page(side, kind) * T_PAGE;
}

size_t pool_size(enum pool_kind kind)
{
	return (good_pages(kind) + 1) * T_PAGE;
}

static bool in_pool(uintptr_t addr)
{
	return addr >= (uintptr_t)memory && addr - (uintptr_t)memory < POOL_BYTES;
}

static size_t page_of(uintptr_t addr)
{
	return (addr - (uintptr_t)memory) / T_PAGE;
}

bool pool_readable(uintptr_t addr)
{
	return in_pool(addr) && pages[page_of(addr)].readable;
}

bool pool_writable(uintptr_t addr)
{
	return in_pool(addr) && pages[page_of(addr)].writable;
}

enum mcsafe_cause pool_cause(uintptr_t addr)
{
	return in_pool(addr) ? pages[page_of(addr)].cause : MCSAFE_CAUSE_UNMAPPED;
}

unsigned char *pool_model(uintptr_t addr)
{
	return &model[addr - (uintptr_t)memory];
}

static uintptr_t range_difference(size_t start, size_t len)
{
	if (memcmp(memory + start, model + start, len) == 0)
		return 0;
	while (memory[start] == model[start])
		start++;
	return (uintptr_t)memory + start;
}

static uintptr_t block_difference(enum mcsafe_side side, enum pool_kind kind, bool all)
{
	size_t first = block_page(side, kind), border = (first + good_pages(kind)) * T_PAGE;
	uintptr_t found = 0;

	if (kind == POOL_NOT_MAPPED)
		return 0;
	found = all ? range_difference(first * T_PAGE, good_pages(kind) * T_PAGE)
		    : range_difference(border - WINDOW, WINDOW);
	if (found == 0 && pages[border / T_PAGE].readable)
		found = range_difference(border, all ? T_PAGE : WINDOW);
	return found;
}

uintptr_t pool_difference(bool all)
{
	uintptr_t found = 0;

	for (int kind = 0; found == 0 && kind < POOL_KINDS; kind++) {
		found = block_difference(MCSAFE_SIDE_SOURCE, (enum pool_kind)kind, all);
		if (found == 0)
			found = block_difference(MCSAFE_SIDE_DESTINATION, (enum pool_kind)kind,
						 all);
	}
	return found;
}
