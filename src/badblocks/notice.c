/* SPDX-License-Identifier: BSD-3-Clause */
/* badblocks_notice.c - what a notice or a fault says about a mapping, for its registry */
#include <mcsafe/badblocks.h>

#include <stdint.h>

#include "registry.h"

#define PAGE_SIZE ((size_t)4096)

int mcsafe__badblocks_add_block(struct mcsafe_badblocks *badblocks, const void *base, size_t len,
				const void *addr, size_t extent)
{
	size_t block = extent != 0 ? extent : PAGE_SIZE;
	uintptr_t first = (uintptr_t)addr & ~(block - 1), last = first + (block - 1);
	uintptr_t begin = (uintptr_t)base, end = begin + (len - 1); /* the last byte */
	int err;

	if (len == 0 || last < begin || first > end)
		return 0;
	if (first < begin)
		first = begin;
	if (last > end)
		last = end;
	err = mcsafe_badblocks_add(badblocks, first - begin, last - first + 1);
	return err != 0 ? err : 1;
}

int mcsafe_badblocks_notice(struct mcsafe_badblocks *badblocks, const struct mcsafe_notice *notice,
			    const void *base, size_t len)
{
	return mcsafe__badblocks_add_block(badblocks, base, len, notice->addr, notice->extent);
}
