/* SPDX-License-Identifier: BSD-3-Clause */
/* told.h - why a process gets its SIGBUS: what is told once for each address space */
#ifndef MCSAFE_TOOLS_RUN_TOLD_H
#define MCSAFE_TOOLS_RUN_TOLD_H

enum told {
	TOLD_SECCOMP,  /* mmap(2) is forbidden */
	TOLD_STRICT,   /* it is in the strict mode of seccomp */
	TOLD_CODE,     /* the page has code */
	TOLD_OWN_FILE, /* the file is a program or a library */
	TOLD_NO_CALL,  /* it has no system call instruction */
	TOLD_MMAP,     /* mmap(2) has failed with an error */
	TOLD_PROC,     /* its mappings are not known */
	TOLD_MIRROR,   /* no reason: the mirror could not be read, so zeros stand in */
	TOLD_COUNT,
};

/* Tell it, by lost_note(). `error` is an errno value, for TOLD_MMAP. Not for TOLD_MIRROR. */
void told_tell(enum told told, const char *process, int pid, int error);

#endif /* MCSAFE_TOOLS_RUN_TOLD_H */
