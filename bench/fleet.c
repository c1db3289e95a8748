/* SPDX-License-Identifier: BSD-3-Clause */
/* fleet.c - lengths and alignments as programs of a large fleet have them */
#include "fleet.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

const struct percentile fleet_memcpy[] = {
	{.087, 0},   {.477, 8},    {.635, 16},  {.783, 32},    {.886, 64}, {.936, 128},
	{.963, 256}, {.988, 1024}, {.99, 1709}, {.999, 23929}, {1, 65536},
};
const struct percentile fleet_memset[] = {
	{.001, 0},   {.333, 8},    {.438, 16},  {.691, 32},    {.771, 64}, {.837, 128},
	{.884, 256}, {.967, 1024}, {.99, 5108}, {.999, 32685}, {1, 65536},
};
const struct percentile fleet_memcmp[] = {
	{.033, 0},   {.211, 8},   {.335, 16},   {.650, 32},   {.842, 64},
	{.941, 128}, {.984, 256}, {.998, 1024}, {.999, 1821}, {1, 4096},
};

/* Of an operand: the largest power of 2, up to 64, that divides its address. */
static const struct percentile alignments[] = {
	{.27, 1}, {.39, 2}, {.47, 4}, {.57, 8}, {.69, 16}, {.77, 32}, {1, 64},
};

const char *const fleet_cache_names[] = {"first cache", "second cache"};

static double random_part(void)
{
	return (double)(next_random() >> 11) / (double)(UINT64_C(1) << 53);
}

static size_t step_of(const struct percentile *steps)
{
	double part = random_part();
	size_t i = 0;

	while (part >= steps[i].part)
		i++;
	return i;
}

/* Between two percentiles, short lengths are equally likely, and the logarithms of long ones. */
static uint32_t random_length(const struct percentile *steps)
{
	size_t i = step_of(steps);
	uint32_t least, most = steps[i].bytes;

	if (i == 0)
		return most;
	least = steps[i - 1].bytes + 1;
	if (most <= 1024)
		return least + (uint32_t)(next_random() % (most - least + 1));
	return (uint32_t)(least * pow((double)most / least, random_part()));
}

static uint32_t random_place(size_t room)
{
	return (uint32_t)(next_random() % room) & ~(alignments[step_of(alignments)].bytes - 1);
}

/* Source and destination together fill half of the first cache, or 3/8 of the second one. */
static size_t room_of(enum fleet_cache cache)
{
	long second = sysconf(_SC_LEVEL2_CACHE_SIZE), first = sysconf(_SC_LEVEL1_DCACHE_SIZE);

	if (cache == FLEET_FIRST_CACHE)
		return first > 0 ? (size_t)first / 4 : 12288;
	return second > 0 ? (size_t)second / 16 * 3 : 196608;
}

struct work fleet_begin(const struct percentile *lengths, enum fleet_cache cache)
{
	size_t room = room_of(cache);
	struct work work = work_begin(2 * room, effort.fleet);

	for (size_t i = 0; i < work.count; i++) {
		struct place *place = &work.places[i];

		/* What is longer than the room does not stay in the cache. */
		do
			place->n = random_length(lengths);
		while (place->n > room);
		place->dst = random_place(room);
		place->src = random_place(room);
	}
	return work;
}

void fleet_strings(struct work *work)
{
	/* No string is longer than this. The limit of each scan lies past the end of the string. */
	const uint32_t limit = 4096 + 256;
	size_t room = (work->room - limit) / 2, count = 0, end = 0;
	static uint32_t starts[16384]; /* distinct strings */

	for (size_t i = 0; i < work->count && count < 16384; i++) {
		size_t start = end;

		end += work->places[i].n;
		if (end >= room)
			break;
		starts[count++] = (uint32_t)start;
		work->src[end++] = 0;
	}
	need(count != 0, "strings");
	for (size_t i = 0; i < work->count; i++)
		work->places[i] = (struct place){0, starts[next_random() % count], limit};
}

void fleet_run(const struct contest *contest, const char *part, const struct percentile *lengths,
	       const char *where, void (*prepare)(struct work *))
{
	for (enum fleet_cache cache = 0; cache < FLEET_CACHES; cache++) {
		struct work work = fleet_begin(lengths, cache);
		char name[64];

		if (prepare != NULL)
			prepare(&work);
		snprintf(name, sizeof(name), "%s, %s", where, fleet_cache_names[cache]);
		contest_run(contest, part, name, 0, &work, effort.fleet);
		work_end(&work);
	}
}
