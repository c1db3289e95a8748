/* SPDX-License-Identifier: BSD-3-Clause */
/* badblocks.c - the bad ranges that the NVDIMM's driver knows */
#include "lab.h"

#include <inttypes.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REGION     "/sys/bus/nd/devices/region0/"
#define DEVDAX     "/sys/bus/dax/devices/dax0.0/"
#define DISK       "/sys/block/pmem0/"
#define SECTORS    (T_PAGE / LAB_SECTOR) /* sectors of a block */
#define RANGES_MAX 32
#define POLLS      200
#define POLL_USEC  50000

struct range {
	uint64_t start, count;
};

/* Reads lines of "first-sector count". Sectors count from the start of the region or disk. */
static size_t bad_ranges(const char *path, struct range *ranges, size_t room)
{
	FILE *file = fopen(path, "re");
	struct range range;
	size_t n = 0;

	lab_need(file != NULL, "no %s", path);
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

	lab_need(file != NULL && fscanf(file, "%" SCNi64, (int64_t *)&number) == 1, "no %s", path);
	fclose(file);
	return number;
}

static uint64_t start_of_data(void)
{
	uint64_t bytes;

	if (access(DEVDAX, F_OK) == 0)
		return number_in(DEVDAX "resource");
	bytes = number_in(DISK "size") * LAB_SECTOR;
	return lab_region_start() + number_in(REGION "size") - bytes;
}

/* The driver's own data is at the start of the region. The device begins after it. */
uint64_t lab_pmem_sector(uint64_t physical)
{
	return (physical - start_of_data()) / LAB_SECTOR;
}

uint64_t lab_pmem_physical(uint64_t place)
{
	return start_of_data() + place;
}

uint64_t lab_place_on_disk(int fd, size_t page)
{
	_Alignas(struct fiemap) unsigned char
		room[sizeof(struct fiemap) + sizeof(struct fiemap_extent)] = {0};
	struct fiemap *map = (struct fiemap *)room;

	map->fm_start = page;
	map->fm_length = T_PAGE;
	map->fm_flags = FIEMAP_FLAG_SYNC;
	map->fm_extent_count = 1;
	lab_need(ioctl(fd, FS_IOC_FIEMAP, map) == 0 && map->fm_mapped_extents == 1, "FIEMAP");
	return map->fm_extents[0].fe_physical + (page - map->fm_extents[0].fe_logical);
}

static void inject_error(const char *option, uint64_t physical, unsigned sectors)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "ndctl inject-error %s -B %" PRIu64 " -n %u namespace0.0 >/tmp/ndctl.out 2>&1",
		 option, lab_pmem_sector(physical), sectors);
	/* NOLINTNEXTLINE(cert-env33-c): ndctl is a program, and the guest runs nothing else. */
	lab_need(system(command) == 0, "%s fails", command);
}

void lab_inject(uint64_t physical, unsigned sectors)
{
	inject_error("", physical, sectors);
	lab_wait_bad_blocks(physical);
}

void lab_take_back(uint64_t physical, unsigned sectors)
{
	inject_error("--uninject", physical, sectors);
}

/* The bad sectors in one 4 KiB block: their number, and where the first one is. */
static struct range bad_in_block(uint64_t physical)
{
	struct range ranges[RANGES_MAX], found = {0, 0};
	size_t n = bad_ranges(REGION "badblocks", ranges, T_LENGTH(ranges));
	uint64_t block = (physical - lab_region_start()) / T_PAGE * SECTORS;

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

/* Whether the disk knows a bad sector in the block too, or there is no disk. Reads ask the disk's
 * list, to which the driver adds a range some time after it has added it to that of the region. */
static bool disk_knows(uint64_t physical)
{
	struct range ranges[RANGES_MAX];
	uint64_t block;
	size_t n;

	if (access(DISK, F_OK) != 0)
		return true;
	block = lab_pmem_sector(physical - physical % T_PAGE);
	n = bad_ranges(DISK "badblocks", ranges, T_LENGTH(ranges));
	for (size_t i = 0; i < n; i++)
		if (ranges[i].start < block + SECTORS && block < ranges[i].start + ranges[i].count)
			return true;
	return false;
}

void lab_wait_bad_blocks(uint64_t physical)
{
	for (unsigned i = 0; i < POLLS; i++) {
		if (bad_in_block(physical).count && disk_knows(physical))
			return;
		usleep(POLL_USEC);
	}
	lab_check(false, "the block at %#" PRIx64 " does not become bad", physical);
}

const char *lab_bad_sectors(const struct mcsafe_badblocks *badblocks, size_t from)
{
	static char text[256];
	struct mcsafe_range bad;
	size_t n = 0;

	text[0] = '\0';
	for (size_t at = 0;
	     n < sizeof(text) && mcsafe_badblocks_next(badblocks, at, SIZE_MAX, &bad);
	     at = bad.start + bad.len)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%zd+%zu", n != 0 ? " " : "",
				      ((ssize_t)bad.start - (ssize_t)from) / (ssize_t)LAB_SECTOR,
				      bad.len / LAB_SECTOR);
	return n != 0 ? text : "nothing";
}

const char *lab_answer(const struct mcsafe_badblocks_answer *answer)
{
	static const char *const states[] = {"none", "found", "not asked"};
	static char text[64];

	snprintf(text, sizeof(text), "%s %s", states[answer->state],
		 answer->error != 0 ? strerrorname_np(answer->error) : "0");
	return text;
}
