/* SPDX-License-Identifier: BSD-3-Clause */
/* trace.c - a child under ptrace(2): which signals reach it and where; or other ones instead */
#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"

#define INT3 0xcc

static long must(long result, const char *what)
{
	if (result == -1) {
		perror(what);
		abort();
	}
	return result;
}

static void *word(unsigned long value)
{
	return (void *)value;
}

static struct t_stop wait_for(pid_t pid)
{
	struct t_stop stop;
	pid_t ended;

	memset(&stop, 0, sizeof(stop));
	do
		ended = waitpid(pid, &stop.status, 0);
	while (ended < 0 && errno == EINTR);
	must(ended, "waitpid");
	if (WIFSTOPPED(stop.status)) {
		must(ptrace(PTRACE_GETREGS, pid, NULL, &stop.regs), "PTRACE_GETREGS");
		/* A stop at a system call has no siginfo of a signal. */
		if (ptrace(PTRACE_GETSIGINFO, pid, NULL, &stop.si) == -1)
			memset(&stop.si, 0, sizeof(stop.si));
	}
	return stop;
}

static void nothing(void *arg)
{
	(void)arg;
}

void t_trace_needed(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1);
	must(pid, "fork");
	must(waitpid(pid, &status, 0), "waitpid");
	if (status != 0)
		t_skip_all("ptrace(PTRACE_TRACEME) is not permitted here");
	t_trace_end(t_trace(nothing, NULL));
}

pid_t t_trace(void (*body)(void *), void *arg)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	must(pid, "fork");
	if (pid == 0) {
		t_child_setup();
		CHECK_EQ(ptrace(PTRACE_TRACEME, 0, NULL, NULL), 0);
		CHECK_EQ(raise(SIGSTOP), 0);
		body(arg);
		_exit(0);
	}
	if (!WIFSTOPPED(wait_for(pid).status)) {
		fprintf(stderr, "the traced child ended before it began\n");
		abort();
	}
	must(ptrace(PTRACE_SETOPTIONS, pid, NULL, word(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD)),
	     "PTRACE_SETOPTIONS");
	return pid;
}

struct t_stop t_resume(pid_t pid, int request, int signo)
{
	must(ptrace((enum __ptrace_request)request, pid, NULL, word((unsigned long)signo)),
	     "ptrace");
	return wait_for(pid);
}

struct t_stop t_resume_with(pid_t pid, const siginfo_t *si)
{
	siginfo_t copy = *si;

	/* The kernel uses this siginfo only if the delivered signal is the one that it names. */
	must(ptrace(PTRACE_SETSIGINFO, pid, NULL, &copy), "PTRACE_SETSIGINFO");
	return t_resume(pid, PTRACE_CONT, si->si_signo);
}

struct t_stop t_resume_until(pid_t pid, uintptr_t ip, int signo)
{
	struct t_stop stop;
	long text;

	errno = 0;
	text = ptrace(PTRACE_PEEKTEXT, pid, word(ip), NULL);
	if (errno != 0)
		must(-1, "PTRACE_PEEKTEXT");
	must(ptrace(PTRACE_POKETEXT, pid, word(ip), word(((unsigned long)text & ~0xfful) | INT3)),
	     "PTRACE_POKETEXT");
	stop = t_resume(pid, PTRACE_CONT, signo);
	if (!WIFSTOPPED(stop.status))
		return stop;
	must(ptrace(PTRACE_POKETEXT, pid, word(ip), word((unsigned long)text)), "PTRACE_POKETEXT");
	if (t_at_break(&stop) && stop.regs.rip == ip + 1) { /* int3 is one byte long */
		stop.regs.rip = ip;
		must(ptrace(PTRACE_SETREGS, pid, NULL, &stop.regs), "PTRACE_SETREGS");
	}
	return stop;
}

bool t_at_trap(const struct t_stop *stop)
{
	return WIFSTOPPED(stop->status) && WSTOPSIG(stop->status) == SIGTRAP;
}

bool t_at_break(const struct t_stop *stop)
{
	/* The kernel reports int3 as SI_KERNEL, and single steps as TRAP_TRACE. */
	return t_at_trap(stop) && stop->si.si_code == SI_KERNEL;
}

void t_trace_end(pid_t pid)
{
	must(kill(pid, SIGKILL), "kill");
	must(waitpid(pid, NULL, 0), "waitpid");
}
