/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * child.c - let a child write a report, and wait for the child, but not for long
 *
 * Runs in the signal handler of a process that is about to die. The signal may have interrupted
 * malloc or the loader. Therefore a copy of the process does everything that may block or fault.
 * clone(2) makes that copy, without the handlers of pthread_atfork(3).
 *
 * Of libc this calls clone, close, fcntl, fstat, getpid, kill, nanosleep, prctl, pthread_sigmask,
 * setrlimit, sigaction, syscall, waitpid and _exit, which are plain system calls, and memset,
 * pthread_setcancelstate, sigaddset, sigemptyset and sigfillset.
 */
#include "report.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fatal_signals.h"
#include "base/msan.h"

#ifndef SYS_close_range
# define SYS_close_range 436
#endif

#define PATIENCE_MS 2000 /* how long the child may take */
#define STEP_MS     2    /* how often the parent looks */

struct mcsafe__report_setup mcsafe__report_setup = {.child = {.fd = -1}};
_Atomic bool mcsafe__report_wanted;
_Atomic unsigned long mcsafe__reporter[MCSAFE__REPORTERS], mcsafe__reported[MCSAFE__REPORTERS];

#define REPORTER_PID_SHIFT 32

/* The function that lands faults of the child. Set only in the child. */
static mcsafe__land_fn *lands;

/* Do not pass the signal on: the parent has called its previous handlers before. */
static void land_or_end(int signo, siginfo_t *si, void *ctx)
{
	if (!lands(signo, si, ctx))
		_exit(1);
}

/*
 * Set up the child, a copy of the dying thread with all signals blocked. Nothing that goes wrong in
 * the child may be seen outside: it dumps no core, and writes no report about itself. Its loads may
 * fault and land. Handlers of the process do not run in the child.
 */
static void begin_child(void)
{
	const struct rlimit none = {0, 0};
	struct sigaction ours;
	sigset_t set;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);

	memset(&ours, 0, sizeof(ours));
	ours.sa_sigaction = land_or_end;
	ours.sa_flags = SA_SIGINFO | SA_NODEFER;
	sigemptyset(&set);
	for (size_t i = 0; i < MCSAFE__N_FATAL_SIGNALS; i++) {
		sigaction(mcsafe__fatal_signals[i], &ours, NULL);
		sigaddset(&set, mcsafe__fatal_signals[i]);
	}
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

struct job {
	const struct mcsafe__child_setup *setup;
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
	/* Nobody else can change the table of descriptors of the child. */
	if (mcsafe__fd_is_same(job->setup->fd, &job->setup->file))
		job->work(job->arg);
	_exit(0);
}

static void nap(void)
{
	const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};

	nanosleep(&step, NULL);
}

/* The child has no exit signal, so wait(2) of the host does not see it (clone(2), __WALL). */
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

/* libunwind takes the lowest numbers that are free, so its pipe is hardly above this one. */
#define HIGH_DESCRIPTOR 512

/* Before Linux 5.9 there is no close_range(2). */
#define CLOSED_BY_NUMBER 1024

int mcsafe__close_others(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR);

	if (high >= 0)
		fd = high;
	if (fd > 0 && syscall(SYS_close_range, 0, fd - 1, 0) != 0)
		for (int i = 0; i < fd && i < CLOSED_BY_NUMBER; i++)
			close(i);
	if (syscall(SYS_close_range, fd + 1, ~0u, 0) != 0)
		for (int i = fd + 1; i < CLOSED_BY_NUMBER; i++)
			close(i);
	return fd;
}

/*
 * No handler may run while the thread waits: without a report the kernel would have killed at once.
 * nanosleep(2), waitpid(2) and what the copy calls are cancellation points. If a thread with a
 * pending pthread_cancel(3) met one, it would unwind instead of dying. In glibc
 * pthread_setcancelstate(3) is one atomic change of a word of the thread, so it is safe in a
 * handler (nptl/pthread_setcancelstate.c).
 */
void mcsafe__quiet_begin(struct mcsafe__quiet *quiet)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &quiet->mask);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &quiet->cancel_state);
}

void mcsafe__quiet_end(const struct mcsafe__quiet *quiet)
{
	pthread_setcancelstate(quiet->cancel_state, NULL);
	pthread_sigmask(SIG_SETMASK, &quiet->mask, NULL);
}

/*
 * Threads may be here at the same time. clone(2) of libc stores its arguments at the end of the
 * stack of the child, and only then the kernel copies the process. So each child gets an end of its
 * own. What lies below may be the same: each child writes to its own copy.
 */
static char *stack_of_next(const struct mcsafe__child_setup *setup)
{
	static _Atomic unsigned next;
	unsigned i = atomic_fetch_add(&next, 1) % MCSAFE__CHILD_STACK_ENDS;

	return setup->stack_end - (size_t)i * MCSAFE__CHILD_ARGUMENTS;
}

void mcsafe__in_copy(void (*work)(const void *), const void *arg,
		     const struct mcsafe__child_setup *setup, mcsafe__land_fn *land)
{
	struct job job = {setup, land, work, arg};
	pid_t pid = clone(child, stack_of_next(setup), 0, &job);

	if (pid > 0)
		wait_for(pid);
}

/*
 * Whether this thread is the first one of its process to die. Another thread of the process waits
 * until the report is written, since its death would end the process. A child of fork(2) does not
 * wait for the threads of its parent, and a child that shares this memory does not stand for them.
 */
static bool is_first(unsigned long self, size_t place)
{
	unsigned long other = atomic_load(&mcsafe__reporter[place]);

	while (other >> REPORTER_PID_SHIFT != self >> REPORTER_PID_SHIFT)
		if (atomic_compare_exchange_weak(&mcsafe__reporter[place], &other, self))
			return true;
	if (other != self)
		for (int waited = 0; waited < 2 * PATIENCE_MS; waited += STEP_MS) {
			if (atomic_load(&mcsafe__reported[place]) == other ||
			    atomic_load(&mcsafe__reporter[place]) != other)
				break;
			nap();
		}
	return false;
}

void mcsafe__report(int signo, const siginfo_t *si, const void *ctx, mcsafe__land_fn *land)
{
	struct mcsafe__report_setup *setup = &mcsafe__report_setup;
	struct mcsafe__death death = {signo, si, ctx, 0, 0};
	struct mcsafe__quiet quiet;
	unsigned long self;
	size_t place;

	if (!atomic_load(&mcsafe__report_wanted))
		return;
	death.pid = getpid();
	death.tid = (pid_t)syscall(SYS_gettid);
	self = (unsigned long)death.pid << REPORTER_PID_SHIFT | (unsigned long)death.tid;
	place = (size_t)death.pid % MCSAFE__REPORTERS;
	mcsafe__quiet_begin(&quiet);
	if (is_first(self, place)) {
		mcsafe__in_copy(setup->write, &death, &setup->child, land);
		atomic_store(&mcsafe__reported[place], self);
	}
	mcsafe__quiet_end(&quiet);
}
