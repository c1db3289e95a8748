/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * report.c - have a report written by a child, and wait for it, but not for long
 *
 * Runs in the signal handler of a process that is about to die, perhaps in the middle of malloc or
 * of the loader. So everything that may block or fault is left to a copy of the process, made by
 * clone(2) without the handlers of pthread_atfork(3). Of libc it calls clone, fstat, getpid, kill,
 * nanosleep, prctl, pthread_sigmask, setrlimit, sigaction, syscall, waitpid and _exit, which are
 * plain system calls, and memset, sigaddset, sigemptyset and sigfillset.
 */
#include "report.h"

#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/msan.h"

#define PATIENCE_MS 2000
#define STEP_MS     2

struct mcsafe__report_setup mcsafe__report_setup = {.fd = -1};
_Atomic int mcsafe__report_wanted;
_Atomic unsigned long mcsafe__reporter;

/* Set in the copy of the process only. */
static mcsafe__land_fn *lands;

/* The previous handlers are the parent's, and have had their turn. */
static void land_or_end(int signo, siginfo_t *si, void *ctx)
{
	if (!lands(signo, si, ctx))
		_exit(1);
}

/*
 * A copy of the dying thread, with all signals blocked. Nothing that goes wrong here may be seen
 * outside: no core, and no report about itself. Its own loads may fault and land, as the
 * process's own handlers are not called here.
 */
static void begin_child(void)
{
	static const int signals[] = {SIGBUS, SIGSEGV};
	const struct rlimit none = {0, 0};
	struct sigaction ours;
	sigset_t set;

	atomic_store(&mcsafe__report_wanted, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);

	memset(&ours, 0, sizeof(ours));
	ours.sa_sigaction = land_or_end;
	ours.sa_flags = SA_SIGINFO | SA_NODEFER;
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaction(signals[i], &ours, NULL);
		sigaddset(&set, signals[i]);
	}
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

struct job {
	mcsafe__land_fn *land;
	void (*work)(const void *arg);
	const void *arg;
};

MCSAFE__MSAN_CALLED_FROM_OUTSIDE
static int child(void *arg)
{
	const struct job *job = arg;

	lands = job->land;
	begin_child();
	job->work(job->arg);
	_exit(0);
}

static void nap(void)
{
	const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};

	nanosleep(&step, NULL);
}

/* It is a child without an exit signal: wait(2) of the host does not see it. */
static void wait_for(pid_t pid)
{
	for (int waited = 0; waited < PATIENCE_MS; waited += STEP_MS) {
		if (waitpid(pid, NULL, __WALL | WNOHANG) != 0)
			return;
		nap();
	}
	kill(pid, SIGKILL);
	nap();
	waitpid(pid, NULL, __WALL | WNOHANG);
}

void mcsafe__in_copy(void (*work)(const void *), const void *arg, char *stack_end,
		     mcsafe__land_fn *land)
{
	struct job job = {land, work, arg};
	pid_t pid = clone(child, stack_end, 0, &job);

	if (pid > 0)
		wait_for(pid);
}

static int is_our_file(void)
{
	struct stat st;

	return fstat(mcsafe__report_setup.fd, &st) == 0 && st.st_dev == mcsafe__report_setup.dev &&
	       st.st_ino == mcsafe__report_setup.ino;
}

/* 1: this thread is the first. A thread that comes second waits, as its death would end the
 * process before the report is written. A child of fork(2) is nobody's second. */
static int is_first(unsigned long self)
{
	unsigned long other = 0;

	if (atomic_compare_exchange_strong(&mcsafe__reporter, &other, self))
		return 1;
	if (other >> 32 != self >> 32)
		return atomic_compare_exchange_strong(&mcsafe__reporter, &other, self);
	if (other != self)
		for (int waited = 0; waited < 2 * PATIENCE_MS; waited += STEP_MS) {
			if (!atomic_load(&mcsafe__report_wanted))
				break;
			nap();
		}
	return 0;
}

void mcsafe__report(int signo, const siginfo_t *si, const void *ctx, mcsafe__land_fn *land)
{
	struct mcsafe__report_setup *setup = &mcsafe__report_setup;
	struct mcsafe__death death = {signo, si, ctx, getpid(), (pid_t)syscall(SYS_gettid)};
	sigset_t all, saved;

	if (!atomic_load(&mcsafe__report_wanted))
		return;
	/* No handler may run now that would not have run if the kernel had killed at once. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	if (is_first((unsigned long)death.pid << 32 | (unsigned long)death.tid)) {
		if (is_our_file())
			mcsafe__in_copy(setup->write, &death, setup->stack + setup->stack_size,
					land);
		atomic_store(&mcsafe__report_wanted, 0);
	}
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
}
