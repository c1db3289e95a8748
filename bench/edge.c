/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * edge.c - copies whose destination ends at the end of a page
 *
 * A store with a mask that reaches past such an end can be slow, although it writes nothing there.
 */
#include <sys/mman.h>

#include "memcpy_calls.h"

CALLS_OF(libc, by_memcpy)
CALLS_OF(plain, by_memcpy_mcsafe)

#define PAGE ((size_t)4096)

static void beside(const struct contest *contest, const char *where, int protection)
{
	static const size_t lengths[] = {4, 8, 16, 32, 40, 63, 64, 100, 200, 0};
	struct place place = {0, 7, 0};
	struct work work = {get_memory(3 * PAGE), get_memory(PAGE), PAGE, 1, &place};

	need(mprotect(work.dst + 2 * PAGE, PAGE, protection) == 0, "mprotect");
	for (const size_t *n = lengths; *n != 0; n++) {
		place.n = (uint32_t)*n;
		place.dst = (uint32_t)(2 * PAGE - *n);
		contest_run(contest, "edge", where, *n, &work, 0);
	}
	put_memory(work.dst, 3 * PAGE);
	put_memory(work.src, PAGE);
}

void bench_edge(void)
{
	struct contest contest = {.count = 0};

	contest_add(&contest, "libc", libc);
	contest_add(&contest, "memcpy_mcsafe", plain);
	contest_add_engines(&contest, plain);
	beside(&contest, "mapped", PROT_READ | PROT_WRITE);
	beside(&contest, "unmapped", PROT_NONE);
	beside(&contest, "read-only", PROT_READ);
}
