/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmem_good.c
 *
 * function: mcsafe__pmem_good, mcsafe__pmem_begin
 * property: an access ends at the end of the file, and before the first line with a bad byte
 * loops: none
 * conversions: checked
 * break: src/pmem/access.c s/from = mcsafe__down(offset, MCSAFE__LINE)/from = offset/
 * break: src/pmem/access.c s/to = mcsafe__up(offset + n, MCSAFE__LINE)/to = offset + n/
 * break: src/pmem/access.c s/first = mcsafe__down(bad.start, MCSAFE__LINE)/first = bad.start/
 * break: src/pmem/access.c s/return 0;/return n;/
 * break: src/pmem/access.c s/else if (n > size - offset)/else if (n > size)/
 */
#include "proof.h"

#include "../src/pmem/access.c"

#define LINE ((size_t)64)

/* The only bad range that matters: the first one that ends after the start of the access. */
static struct mcsafe_range first;

void mcsafe__running_enter(struct mcsafe__running *running)
{
	(void)running;
}

bool mcsafe_badblocks_next(const struct mcsafe_badblocks *badblocks, size_t start, size_t end,
			   struct mcsafe_range *bad)
{
	(void)badblocks;
	if (first.len == 0 || first.start >= end || first.start + first.len <= start)
		return false;
	bad->start = first.start > start ? first.start : start;
	bad->len = (first.start + first.len < end ? first.start + first.len : end) - bad->start;
	return true;
}

void proof(void)
{
	struct mcsafe_pmem pmem = {.size = nondet_size()};
	struct mcsafe__view view = {.base = NULL};
	struct mcsafe__access access;
	size_t n = nondet_size(), offset = nondet_size(), size = pmem.size, byte = nondet_size();
	size_t line;
	bool bad;

	first.start = nondet_size();
	first.len = nondet_size();
	/* mcsafe__pmem_map() maps no more. */
	SUPPOSE(size <= SSIZE_MAX && first.start <= SSIZE_MAX && first.len <= SSIZE_MAX);
	SUPPOSE(first.start + first.len > offset / LINE * LINE);
	view.mapped = size;
	pmem.view = &view;
	mcsafe__pmem_begin(&access, &pmem, n, offset, MCSAFE_SIDE_SOURCE);
	PROVE(access.offset == offset && access.n <= access.wanted);
	PROVE(access.wanted == (offset >= size ? 0 : n < size - offset ? n : size - offset));
	if (access.n < access.wanted)
		REACH();

	/* A byte is accessed exactly if no line up to and with its own has a bad byte. */
	SUPPOSE(byte >= offset && byte - offset < access.wanted);
	line = byte / LINE * LINE;
	bad = first.len != 0 && first.start < line + LINE;
	PROVE((byte - offset < access.n) == !bad);
	if (bad && access.n != 0)
		REACH();
	END();
}
