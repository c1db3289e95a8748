/* SPDX-License-Identifier: BSD-3-Clause */
/* work.c - where the operands of an operation lie */
#include "work.h"

#include <stdlib.h>

#define SPARE 8192 /* for offsets */

const size_t single_lengths[] = {1,    3,     8,     12,     16,      31,      32,       48,   64,
				 96,   128,   200,   256,    384,     512,     1024,     2048, 4096,
				 8192, 16384, 65536, 262144, 1048576, 8388608, 33554432, 0};

struct work work_begin(size_t room, size_t count)
{
	struct work work = {get_memory(room + SPARE), get_memory(room + SPARE), room + SPARE, count,
			    calloc(count, sizeof(struct place))};

	need(work.places != NULL, "calloc");
	return work;
}

void work_end(struct work *work)
{
	put_memory(work->dst, work->room);
	put_memory(work->src, work->room);
	free(work->places);
}

/* The destination lies half a page from the source: else each load would meet a store. */

void work_aligned(struct work *work, size_t n)
{
	work->count = 64;
	for (size_t i = 0; i < work->count; i++)
		work->places[i] = (struct place){(uint32_t)(2112 + next_random() % 32 * 64),
						 (uint32_t)(next_random() % 32 * 64), (uint32_t)n};
}

void work_odd(struct work *work, size_t n)
{
	work->count = 1;
	work->places[0] = (struct place){2055, 13, (uint32_t)n};
}

void work_random(struct work *work, size_t n)
{
	work->count = WORK_PLACES;
	for (size_t i = 0; i < work->count; i++)
		work->places[i] = (struct place){(uint32_t)(2048 + next_random() % 2048),
						 (uint32_t)(next_random() % 2048), (uint32_t)n};
}

void work_cold(const struct work *work, size_t n)
{
	for (size_t i = 0; i < WORK_PLACES; i++)
		work->places[i] =
			(struct place){(uint32_t)(next_random() % (work->room - n)),
				       (uint32_t)(next_random() % (work->room - n)), (uint32_t)n};
}

void single_run(const struct contest *contest, const char *part, size_t longest)
{
	struct work work =
		work_begin(longest < effort.longest ? longest : effort.longest, WORK_PLACES);

	for (const size_t *n = single_lengths; *n != 0 && *n <= work.room - SPARE; n++) {
		work_aligned(&work, *n);
		contest_run(contest, part, "aligned", *n, &work, 0);
	}
	for (const size_t *n = single_lengths; *n != 0 && *n <= work.room - SPARE; n++) {
		work_random(&work, *n);
		contest_run(contest, part, "random", *n, &work, 0);
	}
	work_end(&work);
}
