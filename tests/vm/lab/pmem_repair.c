/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmem_repair.c - repairs of a huge page, of a disk with bad blocks, and of memory that cannot be
 * cleared
 */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static struct mcsafe_pmem *pmem;
static unsigned char *buffer; /* LAB_MAPPING_SIZE bytes */

static void begin(void)
{
	buffer = malloc(LAB_MAPPING_SIZE);
	lab_need(buffer != NULL, "no memory");
	lab_install();
	lab_kernel_log("");
}

static void read_fact(const char *key, size_t from, size_t n)
{
	ssize_t got = mcsafe_pmem_pread(pmem, buffer, n, (off_t)from, NULL);

	lab_fact(key, "%s", lab_count(got));
	lab_check(got <= 0 || lab_is_pattern(buffer, from, (size_t)got), "%s: wrong data", key);
}

/*
 * Repairs with the pattern again. Before that the content was something else: zeros, or nothing at
 * all.
 */
static void repair_fact(const char *key, size_t from, size_t n)
{
	lab_fill_pattern(buffer, from, n);
	lab_fact(key, "%s", lab_count(mcsafe_pmem_repair(pmem, buffer, n, (off_t)from)));
}

static void known_fact(const char *key)
{
	lab_fact(key, "%zu bytes", mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(pmem)));
}

static void check_file(int fd, size_t size)
{
	memset(buffer, FILL, size);
	lab_check(pread(fd, buffer, size, 0) == (ssize_t)size && lab_is_pattern(buffer, 0, size),
		  "the file does not have the data");
}

/* ---- a file of hugetlbfs --------------------------------------------------------------------- */

/* pmem-huge: pages of the file are lost, and pwrite(2) cannot write them. */
int lab_program_pmem_huge(int argc, char **argv)
{
	struct lab_mapping mapping = lab_mapping("hugetlbfs");
	struct mcsafe_pmem_info info;

	(void)argc;
	(void)argv;
	begin();
	lab_need(mcsafe_pmem_open_fd(&pmem, mapping.fd, MCSAFE_PMEM_WRITE) == 0, "cannot open it");
	mcsafe_pmem_get_info(pmem, &info);
	lab_fact("alignment", "%zu", info.align);
	read_fact("at first", 0, LAB_MAPPING_SIZE);
	lab_lose_page((unsigned char *)info.base + T_HUGE + 5 * T_PAGE);
	read_fact("with a page lost", 0, LAB_MAPPING_SIZE);
	read_fact("its huge page", T_HUGE, T_HUGE);
	read_fact("the next one", 2 * T_HUGE, T_HUGE);
	known_fact("known to be bad");
	repair_fact("repair of a small page", T_HUGE + 5 * T_PAGE, T_PAGE);
	repair_fact("repair", T_HUGE, T_HUGE);
	known_fact("bad after it");
	read_fact("after it", 0, LAB_MAPPING_SIZE);
	lab_check(lab_is_pattern(mapping.base, 0, LAB_MAPPING_SIZE), "another mapping is wrong");
	check_file(mapping.fd, LAB_MAPPING_SIZE);
	mcsafe_pmem_close(pmem);
	lab_kernel_log("");
	return lab_status();
}

/* ---- a file on a disk with a bad block ------------------------------------------------------- */

#define DISK_FILE "/mnt/disk/lab"
#define DISK_BAD  "/sys/kernel/config/nullb/bad-disk/badblocks"
#define DISK_SIZE (16 * T_PAGE)
#define DISK_PAGE (5 * T_PAGE)

/* From now on, reads and writes fail at that place. */
static void damage_disk(uint64_t place)
{
	FILE *file = fopen(DISK_BAD, "we");

	lab_need(file != NULL, "no " DISK_BAD);
	fprintf(file, "+%" PRIu64 "-%" PRIu64, place / LAB_SECTOR,
		(place + T_PAGE) / LAB_SECTOR - 1);
	lab_need(fclose(file) == 0, "cannot write " DISK_BAD);
}

static void open_disk_file(int fd, int flags)
{
	lab_need(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0, "the page cache stays");
	lab_need(mcsafe_pmem_open_fd(&pmem, fd, MCSAFE_PMEM_WRITE | flags) == 0, "cannot open it");
}

/* pmem-disk: uses the file system that lab-scenario has made. */
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
	place = lab_place_on_disk(fd, DISK_PAGE);
	damage_disk(place);

	open_disk_file(fd, 0);
	read_fact("with a bad block", 0, DISK_SIZE);
	read_fact("the block", DISK_PAGE, T_PAGE);
	repair_fact("repair", DISK_PAGE, T_PAGE);
	known_fact("bad after it");
	read_fact("the block after it", DISK_PAGE, T_PAGE);
	lab_fact("its place after it", "%s",
		 lab_place_on_disk(fd, DISK_PAGE) == place ? "the same" : "another");
	mcsafe_pmem_close(pmem);

	open_disk_file(fd, MCSAFE_PMEM_PUNCH);
	repair_fact("repair that may punch", DISK_PAGE, T_PAGE);
	known_fact("bad after that");
	lab_fact("its place after that", "%s",
		 lab_place_on_disk(fd, DISK_PAGE) == place ? "the same" : "another");
	mcsafe_pmem_close(pmem);
	/* Read from the disk and not from the page cache: mapped pages would stay there. */
	open_disk_file(fd, 0);
	read_fact("from the disk after that", 0, DISK_SIZE);
	mcsafe_pmem_close(pmem);
	check_file(fd, DISK_SIZE);
	lab_kernel_log("");
	return lab_status();
}

/* ---- a file on an NVDIMM that cannot be cleared any more ------------------------------------- */

#define WORN_FILE "/mnt/pmem/lab"
#define WORN_STEP ((size_t)1 << 20)
#define WORN_SIZE (4 * T_PAGE)

/* A file that covers most of the disk. Stores the offset in the file of a place on the disk. */
static int file_over(uint64_t place, size_t *offset)
{
	int fd = open(WORN_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct statvfs fs = {0};
	size_t size;

	lab_need(fd != -1 && fstatvfs(fd, &fs) == 0, "no " WORN_FILE);
	size = (fs.f_bavail - 256) * fs.f_bsize / WORN_STEP * WORN_STEP;
	lab_need(fallocate(fd, 0, 0, (off_t)size) == 0, "fallocate");
	for (size_t at = 0; at < size; at += WORN_STEP) {
		uint64_t found = lab_place_on_disk(fd, at);

		if (found < place || found - place > at)
			continue;
		*offset = at - (found - place);
		if (lab_place_on_disk(fd, *offset) == place)
			return fd;
	}
	lab_need(false, "the file does not have that place");
	return -1;
}

/* pmem-worn: two pages that can be cleared, and two that cannot. The outer ones are bad. */
int lab_program_pmem_worn(int argc, char **argv)
{
	const uint64_t start = LAB_WORN - 2 * T_PAGE;
	size_t offset = 0;
	int fd = file_over(lab_pmem_sector(start) * LAB_SECTOR, &offset);
	struct mcsafe_pmem *fresh;

	(void)argc;
	(void)argv;
	begin();
	memset(buffer, 0, WORN_SIZE);
	lab_need(pwrite(fd, buffer, WORN_SIZE, (off_t)offset) == (ssize_t)WORN_SIZE &&
			 fsync(fd) == 0,
		 "pwrite");
	lab_inject(start, 1);
	lab_inject(LAB_WORN + T_PAGE, 1);
	lab_need(mcsafe_pmem_open_fd(&pmem, fd, MCSAFE_PMEM_WRITE) == 0, "cannot open it");
	lab_fact("known when opened", "%s", lab_bad_sectors(mcsafe_pmem_badblocks(pmem), offset));
	repair_fact("repair", offset, WORN_SIZE);
	lab_fact("known after it", "%s", lab_bad_sectors(mcsafe_pmem_badblocks(pmem), offset));
	lab_need(mcsafe_pmem_open_fd(&fresh, fd, 0) == 0, "cannot open it again");
	lab_fact("known when opened anew", "%s",
		 lab_bad_sectors(mcsafe_pmem_badblocks(fresh), offset));
	mcsafe_pmem_close(fresh);
	repair_fact("repair of the rest", offset + 3 * T_PAGE, T_PAGE);
	lab_fact("known after that", "%s", lab_bad_sectors(mcsafe_pmem_badblocks(pmem), offset));
	read_fact("all of it", offset, WORN_SIZE);
	read_fact("the last page", offset + 3 * T_PAGE, T_PAGE);
	mcsafe_pmem_close(pmem);
	lab_kernel_log("");
	lab_take_back(LAB_WORN + T_PAGE, 1); /* so that the next scenario finds no bad block */
	return lab_status();
}
