/* SPDX-License-Identifier: BSD-3-Clause */
/* trace.h - a child under ptrace(2): which signals reach it and where; or other ones instead */
#ifndef MCSAFE_TESTS_TRACE_H
#define MCSAFE_TESTS_TRACE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>

/* A tracee that has stopped just before a signal is delivered, or that has ended. */
struct t_stop {
	int status;                   /* of waitpid(2); the rest is valid if WIFSTOPPED(status) */
	siginfo_t si;                 /* PTRACE_GETSIGINFO */
	struct user_regs_struct regs; /* where the signal hits */
};

/* Skips the whole program if ptrace(2) is forbidden here. */
void t_trace_needed(void);

/* Fork a child as t_in_child() does. It stops before it runs body(arg). */
pid_t t_trace(void (*body)(void *), void *arg);

/* Deliver signo, and let it run by request: PTRACE_CONT, PTRACE_SINGLESTEP or PTRACE_SYSCALL. */
struct t_stop t_resume(pid_t pid, int request, int signo);

/* Deliver si instead of the signal for which it has stopped. */
struct t_stop t_resume_with(pid_t pid, const siginfo_t *si);

/* Run to the instruction at ip, and stop before it, or at a signal that comes first. */
struct t_stop t_resume_until(pid_t pid, uintptr_t ip, int signo);

/*
 * t_at_trap(): stopped by a single step, by t_resume_until() or by the child's T_BREAK().
 * t_at_break(): by T_BREAK() only.
 */
bool t_at_trap(const struct t_stop *stop);
bool t_at_break(const struct t_stop *stop);
#define T_BREAK() __asm__ volatile("int3" ::: "memory")

/* Kill the tracee, whatever it does. */
void t_trace_end(pid_t pid);

#endif /* MCSAFE_TESTS_TRACE_H */
