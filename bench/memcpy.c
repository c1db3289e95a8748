/* SPDX-License-Identifier: BSD-3-Clause */
/* memcpy.c - copies: the mix of a fleet, and every length in a loop */
#include "fleet.h"
#include "memcpy_calls.h"

CALLS_OF(libc, by_memcpy)
CALLS_OF(plain, by_memcpy_mcsafe)
CALLS_OF(record, by_mcsafe_memcpy)

COLD_CALLS_OF(libc_cold, by_memcpy)
COLD_CALLS_OF(plain_cold, by_memcpy_mcsafe)

static void odd(const struct contest *contest)
{
	struct work work = work_begin((size_t)1 << 20, WORK_PLACES);

	for (const size_t *n = single_lengths; *n != 0 && *n <= (size_t)1 << 20; n++) {
		work_odd(&work, *n);
		contest_run(contest, "memcpy", "odd", *n, &work, 0);
	}
	work_end(&work);
}

static void cold(void)
{
	struct contest contest = {.count = 0};
	struct work work = work_begin(effort.longest, WORK_PLACES);

	contest_add(&contest, "libc", libc_cold);
	contest_add(&contest, "memcpy_mcsafe", plain_cold);
	contest_add_engines(&contest, plain_cold);
	for (const size_t *n = single_lengths; *n != 0 && *n <= effort.longest / 64; n++) {
		work.places[0].n = (uint32_t)*n;
		work.count = WORK_PLACES;
		contest_run(&contest, "memcpy", "cold", *n, &work, 0);
	}
	work_end(&work);
}

void bench_memcpy(void)
{
	struct contest contest = {.count = 0};

	contest_add(&contest, "libc", libc);
	contest_add(&contest, "memcpy_mcsafe", plain);
	contest_add(&contest, "mcsafe_memcpy", record);
	contest_add_engines(&contest, plain);
	fleet_run(&contest, "memcpy", fleet_memcpy, "fleet", NULL);
	single_run(&contest, "memcpy", (size_t)32 << 20);
	odd(&contest);
	cold();
}
