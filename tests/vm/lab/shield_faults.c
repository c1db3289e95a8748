/* SPDX-License-Identifier: BSD-3-Clause */
/* shield_faults.c - how memory of a shield fails, and how a file is made whole again */
#include "shield_lab.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern const char lab_shield_load_insn[];

/* The only copy of the instruction: a breakpoint is set there. */
__attribute__((noinline)) unsigned char lab_shield_load(const unsigned char *from)
{
	unsigned char byte;

	__asm__ volatile(".globl lab_shield_load_insn\n"
			 "lab_shield_load_insn: movb (%1), %0"
			 : "=q"(byte)
			 : "r"(from)
			 : "memory");
	return byte;
}

static bool is_kind(const struct lab_shielded *memory, const char *prefix)
{
	return strncmp(memory->kind, prefix, strlen(prefix)) == 0;
}

static size_t granule_of(const struct lab_shielded *memory)
{
	return is_kind(memory, "huge") ? T_HUGE : T_PAGE;
}

/* ---- how it fails ---------------------------------------------------------------------------- */

static void poison(struct lab_shielded *memory)
{
	/*
	 * With DAX, and since Linux 6.11 for all dirty pages, madvise(2) itself raises SIGBUS. It
	 * is for the shield. EHWPOISON: see lab_lose_page().
	 */
	lab_need(madvise(memory->mapping.base + LAB_SHIELD_PAGE, T_PAGE, MADV_HWPOISON) == 0 ||
			 errno == EHWPOISON,
		 "MADV_HWPOISON fails");
}

static void arm(const struct lab_shielded *memory, const char *mode)
{
	struct lab_target target = lab_target(memory->mapping.base + LAB_SHIELD_BYTE);
	uintptr_t insn = (uintptr_t)lab_shield_load_insn;

	lab_arm(mode, "page", &target, 1, &insn, 1);
}

static void check_once(struct lab_shielded *memory)
{
	arm(memory, "load");
}

static void check_twice(struct lab_shielded *memory)
{
	arm(memory, "race");
}

static void truncate_file(struct lab_shielded *memory)
{
	off_t size = (off_t)(LAB_SHIELD_BYTE / granule_of(memory) * granule_of(memory));

	lab_need(ftruncate(memory->mapping.fd, size) == 0, "ftruncate");
}

/* The way to the file that takes all the room that is left. */
static const char *ballast(const struct lab_shielded *memory)
{
	return is_kind(memory, "small-tmpfs") ? "/mnt/small/ballast" : "/mnt/ext4/ballast";
}

static int punch(const struct lab_shielded *memory)
{
	size_t n = granule_of(memory);

	return fallocate(memory->mapping.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)(LAB_SHIELD_BYTE / n * n), (off_t)n);
}

/* The page becomes a hole of the file, and nothing can be allocated. */
static void fill_file_system(struct lab_shielded *memory)
{
	int fd = open(ballast(memory), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	off_t size = 0;

	lab_need(fd != -1, "no %s", ballast(memory));
	lab_need(punch(memory) == 0 && fsync(memory->mapping.fd) == 0, "punch hole");
	for (off_t step = 64 << 20; step >= (off_t)T_PAGE; step /= 2)
		while (fallocate(fd, 0, size, step) == 0)
			size += step;
	lab_need(errno == ENOSPC, "fallocate");
	close(fd);
}

/* The kernel finds the bad block when the page is mapped, so it must not be mapped yet. */
static void inject(struct lab_shielded *memory)
{
	uint64_t place = lab_place_on_disk(memory->mapping.fd, LAB_SHIELD_PAGE);

	lab_inject(lab_pmem_physical(place), 1);
	lab_need(madvise(memory->mapping.base, LAB_MAPPING_SIZE, MADV_DONTNEED) == 0 &&
			 fsync(memory->mapping.fd) == 0 &&
			 posix_fadvise(memory->mapping.fd, 0, 0, POSIX_FADV_DONTNEED) == 0,
		 "cannot drop the pages");
}

/* ---- how it is repaired ---------------------------------------------------------------------- */

static bool write_right(const struct lab_shielded *memory, size_t from, size_t n)
{
	return lab_write_right(memory->mapping.fd, from, n) == (ssize_t)n;
}

static bool is_written(const struct lab_shielded *memory, size_t from, size_t n)
{
	/* Files of hugetlbfs have no write(2). */
	if (is_kind(memory, "huge"))
		return false;
	lab_need(write_right(memory, from, n), "pwrite() fails");
	return true;
}

/* The kernel has dropped the page, and tells it once: the page cache of a disk. */
static const char *write_again(const struct lab_shielded *memory)
{
	int fd = memory->mapping.fd;
	bool told = fsync(fd) == -1 && errno == EIO;

	lab_need(fsync(fd) == 0 && write_right(memory, LAB_SHIELD_PAGE, T_PAGE) && fsync(fd) == 0,
		 "pwrite() fails");
	return told ? "fsync() with EIO, pwrite()" : "pwrite()";
}

/* A page of tmpfs or hugetlbfs stays lost until it is no longer the file's. */
static const char *replace_page(struct lab_shielded *memory)
{
	if (memory->mapping.fd == -1 || is_kind(memory, "devdax"))
		return NULL;
	if (memory->mapping.pmem || is_kind(memory, "copied") || is_kind(memory, "dirty") ||
	    is_kind(memory, "xfs"))
		return write_again(memory);
	lab_need(punch(memory) == 0, "punch hole");
	if (!is_written(memory, LAB_SHIELD_PAGE, T_PAGE))
		return "punch hole";
	return "punch hole, pwrite()";
}

static const char *write_page(struct lab_shielded *memory)
{
	lab_need(write_right(memory, LAB_SHIELD_PAGE, T_PAGE) && fsync(memory->mapping.fd) == 0,
		 "pwrite() fails");
	return "pwrite()";
}

static const char *grow(struct lab_shielded *memory)
{
	lab_need(ftruncate(memory->mapping.fd, (off_t)LAB_MAPPING_SIZE) == 0, "ftruncate");
	if (is_written(memory, LAB_SHIELD_PAGE, LAB_MAPPING_SIZE - LAB_SHIELD_PAGE))
		return "ftruncate(), pwrite()";
	return "ftruncate()";
}

static const char *make_room(struct lab_shielded *memory)
{
	lab_need(unlink(ballast(memory)) == 0, "unlink");
	return "unlink() of another file";
}

static const struct lab_shield_fault faults[] = {
	{"madvise", "MADV_HWPOISON", poison, replace_page, false, 0},
	{"check", "machine check", check_once, replace_page, false, 1},
	{"checks", "two machine checks at once", check_twice, replace_page, false, 2},
	{"truncation", "truncation", truncate_file, grow, false, 0},
	{"full", "a hole, and no space", fill_file_system, make_room, true, 0},
	{"injected", "bad block", inject, write_page, false, 0},
};

const struct lab_shield_fault *lab_shield_fault(const char *name)
{
	for (size_t i = 0; i < T_LENGTH(faults); i++)
		if (strcmp(faults[i].name, name) == 0)
			return &faults[i];
	lab_need(false, "no fault %s", name);
	return NULL;
}
