/* SPDX-License-Identifier: BSD-3-Clause */
/* pmem_repair.c - repairs by punching holes: a huge page that is lost, a disk with bad blocks */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct mcsafe_pmem *pmem;
static unsigned char *buffer; /* LAB_REGION_SIZE bytes */

static void begin(void)
{
	buffer = malloc(LAB_REGION_SIZE);
	lab_need(buffer != NULL, "no memory");
	lab_install();
	lab_kernel_log("");
}

static const char *in_words(ssize_t got)
{
	static char text[32];

	if (got < 0)
		return strerrorname_np((int)-got);
	snprintf(text, sizeof(text), "%zd", got);
	return text;
}

static void read_fact(const char *key, size_t from, size_t n)
{
	ssize_t got = mcsafe_pmem_pread(pmem, buffer, n, (off_t)from, NULL);

	lab_fact(key, "%s", in_words(got));
	lab_check(got <= 0 || lab_is_pattern(buffer, from, (size_t)got), "%s: wrong data", key);
}

/* The pattern again, which is not what is there in the meantime: zeros, or nothing at all. */
static void repair_fact(const char *key, size_t from, size_t n)
{
	lab_fill_pattern(buffer, from, n);
	lab_fact(key, "%s", in_words(mcsafe_pmem_repair(pmem, buffer, n, (off_t)from)));
}

static void known_fact(const char *key)
{
	lab_fact(key, "%zu bytes", mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(pmem)));
}

static void check_file(int fd, size_t size)
{
	memset(buffer, FILL, size);
	lab_check(pread(fd, buffer, size, 0) == (ssize_t)size && lab_is_pattern(buffer, 0, size),
		  "the file has not the data");
}

/* ---- a file of hugetlbfs --------------------------------------------------------------------- */

/* pmem-huge: pages of it are lost, and cannot be written by pwrite(2). */
int lab_program_pmem_huge(int argc, char **argv)
{
	struct lab_region region = lab_region("hugetlbfs");
	struct mcsafe_pmem_info info;

	(void)argc;
	(void)argv;
	begin();
	lab_need(mcsafe_pmem_open_fd(&pmem, region.fd, MCSAFE_PMEM_WRITE) == 0, "cannot open it");
	mcsafe_pmem_get_info(pmem, &info);
	lab_fact("alignment", "%zu", info.align);
	read_fact("at first", 0, LAB_REGION_SIZE);
	lab_lose_page((unsigned char *)info.base + HUGE + 5 * PAGE);
	read_fact("with a page lost", 0, LAB_REGION_SIZE);
	read_fact("its huge page", HUGE, HUGE);
	read_fact("the next one", 2 * HUGE, HUGE);
	known_fact("known to be bad");
	repair_fact("repair of a small page", HUGE + 5 * PAGE, PAGE);
	repair_fact("repair", HUGE, HUGE);
	known_fact("bad after it");
	read_fact("after it", 0, LAB_REGION_SIZE);
	lab_check(lab_is_pattern(region.base, 0, LAB_REGION_SIZE), "another mapping is wrong");
	check_file(region.fd, LAB_REGION_SIZE);
	mcsafe_pmem_close(pmem);
	lab_kernel_log("");
	return lab_status();
}

/* ---- a file on a disk with a bad block ------------------------------------------------------- */

#define DISK_FILE "/mnt/disk/lab"
#define DISK_BAD  "/sys/kernel/config/nullb/bad-disk/badblocks"
#define DISK_SIZE (16 * PAGE)
#define DISK_PAGE (5 * PAGE)

/* Where the bad page of the file is on the disk, in bytes. */
static uint64_t place_on_disk(int fd)
{
	_Alignas(struct fiemap) unsigned char
		room[sizeof(struct fiemap) + sizeof(struct fiemap_extent)] = {0};
	struct fiemap *map = (struct fiemap *)room;

	map->fm_start = DISK_PAGE;
	map->fm_length = PAGE;
	map->fm_flags = FIEMAP_FLAG_SYNC;
	map->fm_extent_count = 1;
	lab_need(ioctl(fd, FS_IOC_FIEMAP, map) == 0 && map->fm_mapped_extents == 1, "FIEMAP");
	return map->fm_extents[0].fe_physical + (DISK_PAGE - map->fm_extents[0].fe_logical);
}

/* Reads and writes fail there from now on. */
static void damage_disk(uint64_t place)
{
	FILE *file = fopen(DISK_BAD, "we");

	lab_need(file != NULL, "no " DISK_BAD);
	fprintf(file, "+%" PRIu64 "-%" PRIu64, place / LAB_SECTOR, (place + PAGE) / LAB_SECTOR - 1);
	lab_need(fclose(file) == 0, "cannot write " DISK_BAD);
}

static void open_disk_file(int fd, int flags)
{
	lab_need(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0, "the page cache stays");
	lab_need(mcsafe_pmem_open_fd(&pmem, fd, MCSAFE_PMEM_WRITE | flags) == 0, "cannot open it");
}

/* pmem-disk: on the file system that lab-scenario has made. */
int lab_program_pmem_disk(int argc, char **argv)
{
	int fd = open(DISK_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	uint64_t place;

	(void)argc;
	(void)argv;
	begin();
	lab_need(fd != -1, "no " DISK_FILE);
	lab_fill_pattern(buffer, 0, DISK_SIZE);
	lab_need(write(fd, buffer, DISK_SIZE) == (ssize_t)DISK_SIZE && fsync(fd) == 0, "write");
	place = place_on_disk(fd);
	damage_disk(place);

	open_disk_file(fd, 0);
	read_fact("with a bad block", 0, DISK_SIZE);
	read_fact("the block", DISK_PAGE, PAGE);
	repair_fact("repair", DISK_PAGE, PAGE);
	known_fact("bad after it");
	read_fact("the block after it", DISK_PAGE, PAGE);
	lab_fact("its place after it", "%s", place_on_disk(fd) == place ? "the same" : "another");
	mcsafe_pmem_close(pmem);

	open_disk_file(fd, MCSAFE_PMEM_PUNCH);
	repair_fact("repair that may punch", DISK_PAGE, PAGE);
	known_fact("bad after that");
	lab_fact("its place after that", "%s", place_on_disk(fd) == place ? "the same" : "another");
	mcsafe_pmem_close(pmem);
	/* From the disk, and not from the page cache: what is mapped would stay there. */
	open_disk_file(fd, 0);
	read_fact("from the disk after that", 0, DISK_SIZE);
	mcsafe_pmem_close(pmem);
	check_file(fd, DISK_SIZE);
	lab_kernel_log("");
	return lab_status();
}
