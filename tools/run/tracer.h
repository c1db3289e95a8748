/* SPDX-License-Identifier: BSD-3-Clause */
/* tracer.h - trace a program and all that it starts, until the last of them has ended */
#ifndef MCSAFE_TOOLS_RUN_TRACER_H
#define MCSAFE_TOOLS_RUN_TRACER_H

#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/types.h>

/* Threads stop only for signals, and where they start threads, processes or programs. If the tracer
 * ends early, the kernel kills them: none goes on unprotected. */
#define TRACER_OPTIONS                                                                   \
 (PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | \
  PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)

/* Whether threads stop at system calls too. */
extern bool tracer_sees_calls;

/* Trace a process that PTRACE_SEIZE has been called for, with these options. Returns its status of
 * wait(2) when no thread is left. */
int tracer_run(pid_t program);

#endif /* MCSAFE_TOOLS_RUN_TRACER_H */
