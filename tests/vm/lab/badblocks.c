/* SPDX-License-Identifier: BSD-3-Clause */
/* badblocks.c - what the NVDIMM's driver knows to be bad */
#include "lab.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define REGION     "/sys/bus/nd/devices/region0/"
#define SECTORS    (PAGE / LAB_SECTOR) /* of a block */
#define RANGES_MAX 32
#define POLLS      200
#define POLL_USEC  50000

struct range {
	uint64_t start, count;
};

/* Lines of "first-sector count", relative to the start of the region. */
static size_t bad_ranges(struct range *ranges, size_t room)
{
	FILE *file = fopen(REGION "badblocks", "re");
	struct range range;
	size_t n = 0;

	lab_need(file != NULL, "no " REGION "badblocks");
	while (fscanf(file, "%" SCNu64 " %" SCNu64, &range.start, &range.count) == 2) {
		lab_need(n < room, "too many bad blocks");
		ranges[n++] = range;
	}
	fclose(file);
	return n;
}

uint64_t lab_region_start(void)
{
	FILE *file = fopen(REGION "resource", "re");
	uint64_t start = 0;

	lab_need(file != NULL && fscanf(file, "%" SCNx64, &start) == 1, "no " REGION "resource");
	fclose(file);
	return start;
}

static uint64_t number_in(const char *path)
{
	FILE *file = fopen(path, "re");
	uint64_t number = 0;

	lab_need(file != NULL && fscanf(file, "%" SCNu64, &number) == 1, "no %s", path);
	fclose(file);
	return number;
}

/* What the driver needs for itself stands at the start of the region, and the device behind it. */
uint64_t lab_pmem_sector(uint64_t physical)
{
	uint64_t sectors = number_in("/sys/block/pmem0/size");
	uint64_t reserved = number_in(REGION "size") - sectors * LAB_SECTOR;

	return (physical - lab_region_start() - reserved) / LAB_SECTOR;
}

/* The bad sectors in one 4 KiB block: how many, and where they begin in it. */
static struct range bad_in_block(uint64_t physical)
{
	struct range ranges[RANGES_MAX], found = {0, 0};
	size_t n = bad_ranges(ranges, LENGTH(ranges));
	uint64_t block = (physical - lab_region_start()) / PAGE * SECTORS;

	for (size_t i = 0; i < n; i++) {
		uint64_t start = ranges[i].start > block ? ranges[i].start : block;
		uint64_t end = ranges[i].start + ranges[i].count;

		if (end > block + SECTORS)
			end = block + SECTORS;
		if (start < end)
			found = (struct range){start - block, found.count + end - start};
	}
	return found;
}

const char *lab_bad_blocks_at(uint64_t physical)
{
	static char text[64];
	struct range bad = bad_in_block(physical);

	if (!bad.count)
		return "none";
	snprintf(text, sizeof(text), "%" PRIu64 " of 8 sectors, from %" PRIu64, bad.count,
		 bad.start);
	return bad.count == SECTORS ? "all 8 sectors" : text;
}

void lab_wait_bad_blocks(uint64_t physical)
{
	for (unsigned i = 0; i < POLLS; i++) {
		if (bad_in_block(physical).count)
			return;
		usleep(POLL_USEC);
	}
	lab_check(false, "the block at %#" PRIx64 " does not become bad", physical);
}
