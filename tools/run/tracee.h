/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tracee.h - let a stopped thread make a system call, or one step, for the tracer
 *
 * The thread must be in a stop of ptrace(2). Its registers and its signal mask are as before when
 * these functions return. If the stop was for a signal, that signal is gone: if an access caused
 * it, the access raises it again.
 */
#ifndef MCSAFE_TOOLS_RUN_TRACEE_H
#define MCSAFE_TOOLS_RUN_TRACEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "run/tasks.h"

/* The code segment of 32-bit programs: __USER32_CS of the kernel. */
#define TRACEE_CODE_32 0x23

enum call {
	CALL_MMAP, /* of anonymous memory: address, length, protection, flags */
	CALL_MPROTECT,
	CALL_MADVISE,
};

enum made {
	MADE,          /* the call was made: the result says more */
	MADE_NOT,      /* it could not be made; the thread is as before */
	MADE_GONE,     /* the thread has ended, or the program has been replaced */
	MADE_FILTERED, /* a seccomp filter took the call away */
};

/* Let the thread make a system call. *result is what it returned: -errno for an error. */
enum made tracee_call(struct task *task, enum call call, const uint64_t args[4], int64_t *result);

enum step {
	STEP_DONE,  /* the instruction has run */
	STEP_FAULT, /* it raised SIGSEGV at an address of the range: a store to read-only memory */
	STEP_OTHER, /* another signal came first */
	STEP_NOT,   /* the step could not be made */
	STEP_GONE,
};

/* Let the thread run one instruction. [start, end) is read-only. */
enum step tracee_step(struct task *task, uintptr_t start, uintptr_t end);

/* Stop all other threads that share the address space, as far as they can run. Each goes on when
 * the event of its stop is taken. */
void tracee_stop_others(struct task *task);

/* Read n bytes of its memory; false: not all could be read. */
bool tracee_read(pid_t tid, uintptr_t at, void *to, size_t n);

/* Write n bytes to its memory, even where the thread may only read. */
bool tracee_write(pid_t tid, uintptr_t at, const void *from, size_t n);

#endif /* MCSAFE_TOOLS_RUN_TRACEE_H */
