/* SPDX-License-Identifier: BSD-3-Clause */
/* notice.c - add the memory that a notice names to the registry of a mapping */
#include <mcsafe/badblocks.h>

#include "base/page.h"
#include "within.h"

int mcsafe_badblocks_notice(struct mcsafe_badblocks *badblocks, const struct mcsafe_notice *notice,
			    const void *base, size_t len)
{
	size_t block = notice->extent != 0 ? notice->extent : MCSAFE__PAGE;
	uintptr_t start = mcsafe__down((uintptr_t)notice->addr, block);
	struct mcsafe_range bad = mcsafe__range_within(base, len, start, block);
	int err;

	if (bad.len == 0)
		return 0;
	err = mcsafe_badblocks_add(badblocks, bad.start, bad.len);
	return err != 0 ? err : 1;
}
