/* SPDX-License-Identifier: BSD-3-Clause */
/* strnlen.c - the length of a string: the mix of a fleet, and every length in a loop */
#include <string.h>

#include <mcsafe/mcsafe.h>

#include "fleet.h"

ALWAYS_INLINE uintptr_t by_strnlen(unsigned char *dst, const unsigned char *src, size_t n)
{
	(void)dst;
	return strnlen((const char *)src, n);
}

ALWAYS_INLINE uintptr_t by_mcsafe_strnlen(unsigned char *dst, const unsigned char *src, size_t n)
{
	size_t at = 0;

	(void)dst;
	need(mcsafe_strnlen((const char *)src, n, &at, NULL) == MCSAFE_CAUSE_NONE,
	     "mcsafe_strnlen");
	return at;
}

CALLS_OF(libc, by_strnlen)
CALLS_OF(ours, by_mcsafe_strnlen)

void bench_strnlen(void)
{
	struct contest contest = {.count = 0};

	contest_add(&contest, "libc", libc);
	contest_add(&contest, "mcsafe_strnlen", ours);
	contest_add_engines(&contest, ours);
	/* No length of a search is published. That of a comparison says where its end is. */
	fleet_run(&contest, "strnlen", fleet_memcmp, "fleet, not found", NULL);
	fleet_run(&contest, "strnlen", fleet_memcmp, "fleet, found", fleet_strings);
	single_run(&contest, "strnlen", (size_t)32 << 20);
}
