/* SPDX-License-Identifier: BSD-3-Clause */
/* memset.c - fills: the mix of a fleet, and every length in a loop */
#include <string.h>

#include <mcsafe/mcsafe.h>

#include "fleet.h"

ALWAYS_INLINE uintptr_t by_memset(unsigned char *dst, const unsigned char *src, size_t n)
{
	/* Another value for each place. */
	return (uintptr_t)memset(dst, (int)(uintptr_t)src, n);
}

ALWAYS_INLINE uintptr_t by_mcsafe_memset(unsigned char *dst, const unsigned char *src, size_t n)
{
	return mcsafe_memset(dst, (int)(uintptr_t)src, n, NULL);
}

CALLS_OF(libc, by_memset)
CALLS_OF(ours, by_mcsafe_memset)

void bench_memset(void)
{
	struct contest contest = {.count = 0};

	contest_add(&contest, "libc", libc);
	contest_add(&contest, "mcsafe_memset", ours);
	contest_add_engines(&contest, ours);
	fleet_run(&contest, "memset", fleet_memset, "fleet", NULL);
	single_run(&contest, "memset", (size_t)32 << 20);
}
