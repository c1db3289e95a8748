/* SPDX-License-Identifier: BSD-3-Clause */
/* signal_editor.c - a parent that rewrites the signals of its child, which needs no privilege */
#include "signal_editor.h"

#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

#define EXIT_FORBIDDEN 99 /* of a child that may not be traced */

static _Noreturn void be_traced(void (*run)(void *arg), void *arg)
{
	struct rlimit no_core = {0, 0};
	struct sigaction dfl;

	setrlimit(RLIMIT_CORE, &no_core); /* the child may die on purpose */
	memset(&dfl, 0, sizeof(dfl));
	dfl.sa_handler = SIG_DFL; /* not CMocka's handler: the parent must see the child die */
	sigaction(SIGBUS, &dfl, NULL);
	sigaction(SIGSEGV, &dfl, NULL);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(EXIT_FORBIDDEN);
	raise(SIGSTOP);
	run(arg);
	_exit(0);
}

static int wait_for(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

/* The signal that the child is to get. */
static int rewrite(pid_t child, int status, void (*edit)(void *arg, siginfo_t *si), void *arg)
{
	int signo = WSTOPSIG(status);
	siginfo_t si;

	if (signo != SIGBUS && signo != SIGSEGV)
		return signo;
	assert_int_equal(ptrace(PTRACE_GETSIGINFO, child, NULL, &si), 0);
	edit(arg, &si);
	assert_int_equal(ptrace(PTRACE_SETSIGINFO, child, NULL, &si), 0);
	return signo;
}

int t_edit_signals(void (*run)(void *arg), void (*edit)(void *arg, siginfo_t *si), void *arg)
{
	pid_t child;
	int status, signo = 0;

	fflush(NULL);
	child = fork();
	assert_int_not_equal(child, -1);
	if (child == 0)
		be_traced(run, arg);

	status = wait_for(child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FORBIDDEN)
		t_skip("ptrace(2) is forbidden here");
	assert_true(WIFSTOPPED(status));
	/* If the parent is killed for its time limit, the kernel kills the child. */
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_EXITKILL), 0);
	for (;;) {
		assert_int_equal(ptrace(PTRACE_CONT, child, NULL, signo), 0);
		status = wait_for(child);
		if (!WIFSTOPPED(status))
			return status;
		signo = rewrite(child, status, edit, arg);
	}
}
