/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tool_watch.c - asks for a machine check where the command mcsafe maps the file of a scenario
 *
 * A debugger's breakpoint is at an address of a process, and only the process itself knows where
 * its mapping is. Therefore the lab's build of the command calls this instead of mmap(2).
 * LAB_WATCH in the environment is "OFFSET,PHYSICAL,PATH": where in which file the poison is.
 */
#include "asm/routines.h"
#include "lab.h"
#include "landing/extable.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* The linker gives the calls of all objects to the first, and libc's function the second name. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void *__wrap_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
void *__real_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);

static bool is_file(int fd, const char *path)
{
	struct stat one, other;

	return fstat(fd, &one) == 0 && stat(path, &other) == 0 && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

/* Watch the loads of all rows of the library, if the mapping has the poison. */
static bool arm(const unsigned char *mapping, size_t length, int fd, uint64_t from)
{
	static uintptr_t insns[LAB_ROWS_MAX];
	const struct mcsafe_row *row, *end;
	const char *watch = getenv("LAB_WATCH");
	uint64_t offset, physical;
	struct lab_target target;
	int path = 0;
	size_t n = 0;

	/* NOLINTNEXTLINE(cert-err34-c): the lab has written the numbers. */
	if (watch == NULL ||
	    sscanf(watch, "%" SCNx64 ",%" SCNx64 ",%n", &offset, &physical, &path) != 2 ||
	    offset < from || offset - from >= length || !is_file(fd, watch + path))
		return false;
	for (mcsafe__extable_own(&row, &end); row < end; row++)
		if (row->kind & MCSAFE_ROW_LOAD) {
			lab_need(n < LAB_ROWS_MAX, "too many rows");
			insns[n++] = mcsafe__row_insn(row);
		}
	target = (struct lab_target){.at = mapping + (offset - from), .physical = physical};
	lab_arm("approach", "page", &target, 1, insns, n);
	return true;
}

void *__wrap_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
	static bool armed;
	void *mapping = __real_mmap(addr, length, prot, flags, fd, offset);

	if (mapping != MAP_FAILED && fd >= 0 && !armed)
		armed = arm(mapping, length, fd, (uint64_t)offset);
	return mapping;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
