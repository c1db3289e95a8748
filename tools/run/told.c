/* SPDX-License-Identifier: BSD-3-Clause */
/* told.c - why a process gets its SIGBUS */
#include "run/told.h"

#include <string.h>

#include "run/lost.h"

void told_tell(enum told told, const char *process, int pid, int error)
{
	static const char *const texts[TOLD_COUNT] = {
		[TOLD_SECCOMP] = "its seccomp filter forbids mmap(2), so nothing can stand in",
		[TOLD_STRICT] = "it is in seccomp's strict mode, so nothing can stand in",
		[TOLD_CODE] = "the page has code, and nothing stands in for code",
		[TOLD_OWN_FILE] = ("the file is a program or a library that it executes, and "
				   "nothing stands in for such files"),
		[TOLD_NO_CALL] = "it has no system call instruction, so nothing can stand in",
		[TOLD_MMAP] = "mmap(2) in it failed: ",
		[TOLD_PROC] = "its mappings cannot be read",
	};

	lost_note("%s (%d) gets SIGBUS: %s%s", process, pid, texts[told],
		  told == TOLD_MMAP ? strerror(error) : "");
}
