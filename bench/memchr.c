/* SPDX-License-Identifier: BSD-3-Clause */
/* memchr.c - a search for a byte: the mix of a fleet, and every length in a loop */
#include <string.h>

#include <mcsafe/mcsafe.h>

#include "fleet.h"

ALWAYS_INLINE uintptr_t by_memchr(unsigned char *dst, const unsigned char *src, size_t n)
{
	const void *found = memchr(src, 0, n);

	(void)dst;
	return (uintptr_t)found;
}

ALWAYS_INLINE uintptr_t by_mcsafe_memchr(unsigned char *dst, const unsigned char *src, size_t n)
{
	size_t at = 0;

	(void)dst;
	need(mcsafe_memchr(src, 0, n, &at, NULL) == MCSAFE_CAUSE_NONE, "mcsafe_memchr");
	return at;
}

CALLS_OF(libc, by_memchr)
CALLS_OF(ours, by_mcsafe_memchr)

void bench_memchr(void)
{
	struct contest contest = {.count = 0};

	contest_add(&contest, "libc", libc);
	contest_add(&contest, "mcsafe_memchr", ours);
	contest_add_engines(&contest, ours);
	/* No length of a search is published. That of a comparison says where its end is. */
	fleet_run(&contest, "memchr", fleet_memcmp, "fleet, not found", NULL);
	fleet_run(&contest, "memchr", fleet_memcmp, "fleet, found", fleet_strings);
	single_run(&contest, "memchr", (size_t)32 << 20);
}
