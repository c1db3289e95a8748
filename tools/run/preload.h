/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * preload.h - mcsafe run --preload: help processes from inside, without ptrace(2)
 *
 * The loader puts a library of ours into each process, which inherits that by its environment. The
 * library (inside/) does what stand_in.c does by ptrace(2), and tells it in shared memory.
 */
#ifndef MCSAFE_TOOLS_RUN_PRELOAD_H
#define MCSAFE_TOOLS_RUN_PRELOAD_H

#include <sys/types.h>

/* Make what the processes need, and change the environment for them. Ends mcsafe with a message if
 * the program cannot be helped so. */
void preload_begin(const char *program);

/* Wait until the program and all that it has started have ended. Returns its status of wait(2). */
int preload_run(pid_t program);

/* Add what the processes have told to the report. Not if the program was not executed. */
void preload_collect(const char *program);

#endif /* MCSAFE_TOOLS_RUN_PRELOAD_H */
