/* SPDX-License-Identifier: BSD-3-Clause */
/* proc.h - what /proc says about a thread */
#ifndef MCSAFE_TOOLS_RUN_PROC_H
#define MCSAFE_TOOLS_RUN_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* proc_pid_status(5) */
struct proc {
	pid_t pid;                           /* Tgid: the process */
	pid_t tracer;                        /* TracerPid; 0: none */
	uint64_t ignored, caught, effective; /* SigIgn, SigCgt, CapEff */
	int seccomp;                         /* 0: none, 1: strict, 2: filters */
};

/* Read it. False: the thread is gone, or /proc does not tell. */
bool proc_read(pid_t tid, struct proc *proc);

/* Whether a set of signals in it has a signal. */
bool proc_has(uint64_t set, int signal);

/* The name of a process in /proc: its number, or "self" for 0. */
#define PROC_PID 12

void proc_pid(char text[PROC_PID], pid_t pid);

#define COMM 17

/* The name of a process, as ps(1) shows it; "?": not known. 0 is this process. */
void proc_name(pid_t pid, char name[COMM]);

/* Whether a thread sleeps in the kernel where no signal wakes it, in a call that changes no
 * mappings, or is a zombie: it does not stop now, and it does nothing. */
bool proc_is_idle(pid_t tid);

/* Read a small file whole, as text. False: it cannot be read. */
bool proc_read_file(const char *path, char *text, size_t room);

#endif /* MCSAFE_TOOLS_RUN_PROC_H */
