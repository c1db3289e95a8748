/* SPDX-License-Identifier: BSD-3-Clause */
/* notice.c - what a notice or a fault says about a mapping, for its registry */
#include <mcsafe/badblocks.h>

#include <stdint.h>

#include "base/page.h"
#include "landing/loss.h"
#include "registry.h"

int mcsafe__badblocks_add_block(struct mcsafe_badblocks *badblocks, const void *base, size_t len,
				const void *addr, size_t extent)
{
	size_t block = extent != 0 ? extent : MCSAFE__PAGE;
	struct mcsafe_range bad = mcsafe__range_within(
		base, len, mcsafe__down((uintptr_t)addr, block), block);
	int err;

	if (bad.len == 0)
		return 0;
	err = mcsafe_badblocks_add(badblocks, bad.start, bad.len);
	return err != 0 ? err : 1;
}

int mcsafe_badblocks_notice(struct mcsafe_badblocks *badblocks, const struct mcsafe_notice *notice,
			    const void *base, size_t len)
{
	return mcsafe__badblocks_add_block(badblocks, base, len, notice->addr, notice->extent);
}
