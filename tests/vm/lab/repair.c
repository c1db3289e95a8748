/* SPDX-License-Identifier: BSD-3-Clause */
/* repair.c - poison in persistent memory: known from the start, injected, and repaired */
#include "lab.h"
#include "landing/landing.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CAPACITY ((size_t)65536)
#define APART    (64 * T_PAGE) /* distance between the pages of different ways */

static unsigned char contents[CAPACITY]; /* the data to write: the pattern of the file */

static int write_n(int fd, size_t page, size_t n)
{
	lab_fill_pattern(contents, page, n);
	return pwrite(fd, contents, n, (off_t)page) == (ssize_t)n ? 0 : -1;
}

static int write_page(int fd, size_t page)
{
	return write_n(fd, page, T_PAGE);
}

static int write_more(int fd, size_t page)
{
	return write_n(fd, page, CAPACITY);
}

static int write_sector(int fd, size_t page)
{
	return write_n(fd, page, LAB_SECTOR);
}

static int punch(int fd, size_t page)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)page, T_PAGE);
}

static int zero(int fd, size_t page)
{
	return fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)page, T_PAGE);
}

static int zero_and_write(int fd, size_t page)
{
	return zero(fd, page) == 0 ? write_n(fd, page, LINE) : -1;
}

static const struct {
	const char *name;
	int (*repair)(int fd, size_t page);
} ways[] = {
	{"pwrite() of the page", write_page},
	{"pwrite() of 64 KiB", write_more},
	{"pwrite() of 512 bytes", write_sector},
	{"punch hole", punch},
	{"zero range", zero},
	{"zero range, then pwrite() of 64 bytes", zero_and_write},
};

static void fact(const char *way, const char *what, const char *value)
{
	char key[128];

	snprintf(key, sizeof(key), "%s: %s", way, what);
	lab_fact(key, "%s", value);
}

static void poison(const struct lab_mapping *mapping, size_t page)
{
	unsigned char buffer[LINE];
	uintptr_t insns[LAB_ROWS_MAX];
	size_t n_insns = lab_all_rows(MCSAFE_ROW_LOAD, insns, T_LENGTH(insns));
	struct lab_target target = lab_target(mapping->base + page + 8 * LINE);
	struct lab_events events;

	lab_arm("load", "page", &target, 1, insns, n_insns);
	lab_check(memcpy_mcsafe(buffer, target.at, LINE) == LINE, "poison can be read");
	events = lab_disarm();
	lab_check(events.injected == 1 && events.touched == 0, "%u machine checks, %u reads after",
		  events.injected, events.touched);
	lab_wait_bad_blocks(target.physical);
}

/*
 * Poison that nobody has met. ndctl injects it into the NVDIMM, and counts from the start of pmem0.
 */
int lab_program_injected(int argc, char **argv)
{
	struct lab_mapping mapping = lab_mapping(argc > 1 ? argv[1] : "");
	const size_t page = APART;
	uint64_t physical = lab_physical(mapping.base + page);
	char command[128];

	lab_install();
	lab_kernel_log("");
	snprintf(command, sizeof(command),
		 "ndctl inject-error -B %" PRIu64 " -n 8 namespace0.0 >/tmp/ndctl.out 2>&1",
		 lab_pmem_sector(physical));
	/* NOLINTNEXTLINE(cert-env33-c): ndctl is a program, and the guest runs nothing else. */
	lab_need(system(command) == 0, "%s fails", command);
	lab_wait_bad_blocks(physical);
	lab_fact("bad blocks", "%s", lab_bad_blocks_at(physical));
	lab_fact("signals", "%u", lab_signals.n);
	lab_fact("the old mapping", "%s", lab_outcome(mapping.base + page, page, T_PAGE));
	lab_fact("a new mapping", "%s",
		 lab_outcome(lab_mapping_again(&mapping) + page, page, T_PAGE));
	lab_fact("pread() of the page", "%s", lab_pread_outcome(mapping.fd, page, T_PAGE));
	lab_fact("pwrite() of the page", "%s",
		 write_page(mapping.fd, page) == 0 ? "ok" : strerrorname_np(errno));
	lab_fact("bad blocks after it", "%s", lab_bad_blocks_at(physical));
	lab_fact("the old mapping after it", "%s", lab_outcome(mapping.base + page, page, T_PAGE));
	lab_kernel_log("");
	return lab_status();
}

/* Poison that the firmware knows at boot. It is read through the page cache of the block device. */
int lab_program_known(int argc, char **argv)
{
	const size_t page = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
	int fd = open("/dev/pmem0", O_RDONLY | O_CLOEXEC);
	uint64_t physical = lab_region_start() + page;
	unsigned char *base, buffer[2 * LINE];
	struct mcsafe_fault fault = {.signo = 0};
	size_t left;

	lab_install();
	lab_kernel_log("");
	lab_need(fd != -1, "no /dev/pmem0");
	base = mmap(NULL, page + T_HUGE, PROT_READ, MAP_SHARED, fd, 0);
	lab_need(base != MAP_FAILED, "mmap");
	lab_fact("bad blocks", "%s", lab_bad_blocks_at(physical));
	left = mcsafe_memcpy(buffer, base + page - LINE, 2 * LINE, &fault);
	lab_check(left == LINE, "%zu bytes left", left);
	lab_fact("a copy from a mapping of the device", "%s %zu", lab_code_name(&fault),
		 fault.extent);
	lab_fact("cause", "%s", mcsafe_cause_name(fault.cause));
	lab_fact("the page before", "%s", lab_outcome(base + page - T_PAGE, 0, T_PAGE));
	lab_fact("the page after", "%s", lab_outcome(base + page + T_PAGE, 0, T_PAGE));
	lab_fact("pread() of the page", "%s", lab_pread_outcome(fd, page, T_PAGE));
	lab_kernel_log("");
	return lab_status();
}

int lab_program_repair(int argc, char **argv)
{
	struct lab_mapping mapping = lab_mapping(argc > 1 ? argv[1] : "");

	lab_install();
	lab_kernel_log("");
	for (size_t i = 0; i < T_LENGTH(ways); i++) {
		const char *way = ways[i].name;
		const size_t page = (i + 1) * APART;
		uint64_t physical = lab_physical(mapping.base + page);

		poison(&mapping, page);
		errno = 0;
		fact(way, "result",
		     ways[i].repair(mapping.fd, page) == 0 ? "ok" : strerrorname_np(errno));
		fact(way, "bad blocks", lab_bad_blocks_at(physical));
		fact(way, "mapping", lab_outcome(mapping.base + page, page, T_PAGE));
		fact(way, "pread()", lab_pread_outcome(mapping.fd, page, T_PAGE));
	}
	lab_kernel_log("");
	return lab_status();
}
