/* SPDX-License-Identifier: BSD-3-Clause */
/* trace.h - a child under ptrace(2): which signals reach it, where, and other ones in their place */
#ifndef MCSAFE_TESTS_TRACE_H
#define MCSAFE_TESTS_TRACE_H

#include <signal.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>

/* A tracee that has stopped, just before a signal is delivered; or that has ended. */
struct t_stop {
	int status;                   /* of waitpid(2); the rest is valid if WIFSTOPPED(status) */
	siginfo_t si;                 /* PTRACE_GETSIGINFO */
	struct user_regs_struct regs; /* where the signal hits */
};

/* Skips the whole program if ptrace(2) is forbidden here. */
void t_trace_needed(void);

/* Fork a child as t_in_child() does. It stops before it runs body(arg). */
pid_t t_trace(void (*body)(void *), void *arg);

/* Let it run on by request (PTRACE_CONT, PTRACE_SINGLESTEP, PTRACE_SYSCALL), delivering signo. */
struct t_stop t_resume(pid_t pid, int request, int signo);

/* Deliver si instead of the signal it has stopped for, wherever it is. */
struct t_stop t_resume_with(pid_t pid, const siginfo_t *si);

/* Run on to the instruction at ip, and stop before it; or at whatever comes first. */
struct t_stop t_resume_until(pid_t pid, uintptr_t ip, int signo);

/* Stopped by single-stepping, by t_resume_until() or by the child's T_BREAK; only by the last. */
int t_at_trap(const struct t_stop *stop);
int t_at_break(const struct t_stop *stop);
#define T_BREAK() __asm__ volatile("int3" ::: "memory")

/* Kill it, whatever it does. */
void t_trace_end(pid_t pid);

#endif /* MCSAFE_TESTS_TRACE_H */
