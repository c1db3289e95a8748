/* SPDX-License-Identifier: BSD-3-Clause */
/* child.c - run a case in a process of its own, where it may change dispositions and die */
#include "child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

/* A flag of the kernel's sigaction(2), which libc's does not define: sa_restorer is set. */
#define SA_RESTORER 0x04000000

/* A fault that repeats for ever uses processor time. A deadlock uses none. */
#define CPU_SECONDS 15
#define SECONDS     60

/* SIGKILL can be neither blocked nor handled. fork(2) does not pass on timers. */
static void end_if_hung(void)
{
	const struct rlimit cpu = {CPU_SECONDS, CPU_SECONDS};
	const struct itimerspec limit = {.it_value = {.tv_sec = SECONDS}};
	struct sigevent event;
	timer_t timer;

	memset(&event, 0, sizeof(event));
	event.sigev_notify = SIGEV_SIGNAL;
	event.sigev_signo = SIGKILL;
	CHECK_EQ(setrlimit(RLIMIT_CPU, &cpu), 0);
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	CHECK_EQ(timer_settime(timer, 0, &limit, NULL), 0);
}

/* Valgrind cannot grow a stack for the frame of a signal. Let the stack grow before. */
static __attribute__((noinline)) void grow_stack(void)
{
	volatile char room[128 * 1024];

	for (size_t i = sizeof(room); i != 0; i -= 1024)
		room[i - 1024] = 0;
}

void t_child_setup(void)
{
	const struct rlimit none = {0, 0};
	sigset_t empty;

	if (t_with_valgrind())
		grow_stack();
	CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGKILL), 0);
	CHECK_EQ(setrlimit(RLIMIT_CORE, &none), 0);
	end_if_hung();
	sigemptyset(&empty);
	CHECK_EQ(sigprocmask(SIG_SETMASK, &empty, NULL), 0);
	CHECK_PTR_NE(signal(SIGBUS, SIG_DFL), SIG_ERR);
	CHECK_PTR_NE(signal(SIGSEGV, SIG_DFL), SIG_ERR);
}

int t_in_child(void (*body)(void *), void *arg)
{
	pid_t pid, ended;
	int status;

	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		abort();
	}
	if (pid == 0) {
		t_child_setup();
		body(arg);
		_exit(0);
	}
	do
		ended = waitpid(pid, &status, 0);
	while (ended < 0 && errno == EINTR);
	if (ended != pid) {
		perror("waitpid");
		abort();
	}
	return status;
}

static void print_status(int status)
{
	if (WIFEXITED(status))
		print_error("exited with status %d\n", WEXITSTATUS(status));
	else
		print_error("killed by signal %d (%s)%s\n", WTERMSIG(status),
			    strsignal(WTERMSIG(status)),
			    WTERMSIG(status) == SIGKILL ? ", hung?" : "");
}

void t_expect_exit(int status, const char *what, const char *file, int line)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	print_error("%s should have returned, but ", what);
	print_status(status);
	_fail(file, line);
}

void t_expect_death(int status, int signo, const char *what, const char *file, int line)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == signo)
		return;
	print_error("%s should have died of signal %d, but ", what, signo);
	print_status(status);
	_fail(file, line);
}

void *t_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK_PTR_NE(p, MAP_FAILED);
	return p;
}

void t_skip_all(const char *why)
{
	const char *no_skip = getenv("MCSAFE_NO_SKIP");
	int failure = no_skip != NULL && strcmp(no_skip, "1") == 0;

	fprintf(stderr, "%s: %s\n", failure ? "FAILED, a skip with MCSAFE_NO_SKIP=1" : "SKIPPED",
		why);
	exit(failure ? 1 : 77);
}

void t_left_out_there(void **state)
{
	(void)state;
	print_message("left out: valgrind cannot do it (docs/sanitizers.md)\n");
	skip();
}

void t_left_out(void **state)
{
	(void)state;
	print_message("left out: this sanitizer calls handlers from its own (see child.h)\n");
	skip();
}

static void set_action(int signo, struct sigaction *action, int flags, int mask)
{
	action->sa_flags = flags;
	sigemptyset(&action->sa_mask);
	if (mask != 0)
		sigaddset(&action->sa_mask, mask);
	CHECK_EQ(sigaction(signo, action, NULL), 0);
}

void t_set_action(int signo, void (*handler)(int, siginfo_t *, void *), int flags, int mask)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = handler;
	set_action(signo, &action, flags | SA_SIGINFO, mask);
}

void t_set_plain(int signo, void (*handler)(int), int flags)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	set_action(signo, &action, flags, 0);
}

struct sigaction t_get_action(int signo)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	CHECK_EQ(sigaction(signo, NULL, &action), 0);
	return action;
}

bool t_same_action(const struct sigaction *a, const struct sigaction *b)
{
	if (a->sa_handler != b->sa_handler || ((a->sa_flags ^ b->sa_flags) & ~SA_RESTORER))
		return false;
	for (int signo = 1; signo < _NSIG; signo++)
		if (sigismember(&a->sa_mask, signo) != sigismember(&b->sa_mask, signo))
			return false;
	return true;
}
