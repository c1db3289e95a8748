/* SPDX-License-Identifier: BSD-3-Clause */
/* memcmp.c - comparisons: the mix of a fleet, and every length in a loop */
#include <string.h>

#include <mcsafe/mcsafe.h>

#include "fleet.h"

ALWAYS_INLINE uintptr_t by_memcmp(unsigned char *dst, const unsigned char *src, size_t n)
{
	return (uintptr_t)memcmp(dst, src, n);
}

ALWAYS_INLINE uintptr_t by_mcsafe_memcmp(unsigned char *dst, const unsigned char *src, size_t n)
{
	struct mcsafe_comparison result;

	need(mcsafe_memcmp(dst, src, n, &result, NULL) == MCSAFE_CAUSE_NONE, "mcsafe_memcmp");
	return (uintptr_t)result.order;
}

CALLS_OF(libc, by_memcmp)
CALLS_OF(ours, by_mcsafe_memcmp)

static void make_equal(struct work *work)
{
	memset(work->dst, 2, work->room);
	memset(work->src, 2, work->room);
}

/* About half of the comparisons find a difference. */
static void make_different(struct work *work)
{
	make_equal(work);
	for (size_t i = 0; i < work->room; i += 1 + next_random() % 128)
		work->src[i] = 3;
}

void bench_memcmp(void)
{
	const size_t most = (size_t)32 << 20;
	const size_t longest = effort.longest < most ? effort.longest : most;
	struct work work = work_begin(longest, WORK_PLACES);
	struct contest contest = {.count = 0};

	contest_add(&contest, "libc", libc);
	contest_add(&contest, "mcsafe_memcmp", ours);
	contest_add_engines(&contest, ours);
	fleet_run(&contest, "memcmp", fleet_memcmp, "fleet, equal", make_equal);
	fleet_run(&contest, "memcmp", fleet_memcmp, "fleet, different", make_different);
	make_equal(&work);
	for (const size_t *n = single_lengths; *n != 0 && *n <= longest; n++) {
		/* Both operands have the same offset in a line. */
		work_random(&work, *n);
		for (size_t i = 0; i < work.count; i++)
			work.places[i].dst = 2048 + work.places[i].src;
		contest_run(&contest, "memcmp", "same alignment", *n, &work, 0);
	}
	for (const size_t *n = single_lengths; *n != 0 && *n <= longest; n++) {
		work_random(&work, *n);
		contest_run(&contest, "memcmp", "any alignment", *n, &work, 0);
	}
	work_end(&work);
}
