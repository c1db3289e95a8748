/* SPDX-License-Identifier: BSD-3-Clause */
/* install.c - put our handler in front of SIGBUS and SIGSEGV, take it away, ask whether it is live */
#include <mcsafe/handler.h>

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "handler.h"

static const int signals[] = {SIGBUS, SIGSEGV};
#define N_SIGNALS (sizeof(signals) / sizeof(signals[0]))

static int installed; /* mcsafe_install() has succeeded since the last mcsafe_uninstall() */

/*
 * The process that is changing the handlers, 0 if none is. A child of a thread that forks while
 * another one is at it finds its parent's number here, and may take over: what is done under the
 * lock can be interrupted at any point and begun anew. A mutex would stay locked for ever, and
 * pthread_atfork(3) leaves the time before it has been called.
 */
static _Atomic pid_t lock;

/* Signals are blocked while the lock is held: a handler may want it too, by fork(2) say. */
struct section {
	sigset_t mask;
	int saved_errno;
};

static void enter(struct section *section)
{
	pid_t self = getpid(), owner = 0;
	sigset_t all;

	section->saved_errno = errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &section->mask);
	while (!atomic_compare_exchange_weak(&lock, &owner, self)) {
		if (owner == self) {
			sched_yield();
			owner = 0;
		}
	}
}

static void leave(const struct section *section)
{
	atomic_store(&lock, 0);
	pthread_sigmask(SIG_SETMASK, &section->mask, NULL);
	errno = section->saved_errno;
}

static int is_ours(const struct sigaction *action)
{
	return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == mcsafe__on_signal;
}

static int is_live(int signo)
{
	struct sigaction live;

	return sigaction(signo, NULL, &live) == 0 && is_ours(&live);
}

/* 1: ours is in front now; 0: it was already; or a negative error. */
static int take(int signo)
{
	struct sigaction ours, live, found;
	int err;

	if (sigaction(signo, NULL, &live) != 0)
		return -errno;
	if (is_ours(&live))
		return 0;
	/* First the way to the previous action, then ourselves: no signal is lost in between. */
	err = mcsafe__chain_push(signo, &live);
	if (err != 0)
		return err;

	memset(&ours, 0, sizeof(ours));
	ours.sa_sigaction = mcsafe__on_signal;
	/*
	 * ONSTACK: the fault may be on a stack that is nearly full, and Go requires it of every
	 * handler. NODEFER with an empty mask: a previous handler may leave by siglongjmp(3)
	 * without a mask, and a fault inside it must not find its signal blocked, which kills.
	 */
	ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | (live.sa_flags & SA_RESTART);
	sigemptyset(&ours.sa_mask);
	if (sigaction(signo, &ours, &found) != 0)
		return -errno;
	/* Somebody may have come between the two calls. */
	err = is_ours(&found) ? 0 : mcsafe__chain_push(signo, &found);
	return err != 0 ? err : 1;
}

static int give_back(int signo)
{
	struct sigaction previous, found;

	mcsafe__chain_top(signo, &previous);
	if (sigaction(signo, &previous, &found) != 0)
		return -errno;
	if (!is_ours(&found)) { /* it came on top of ours just now: leave it there */
		sigaction(signo, &found, NULL);
		return -EBUSY;
	}
	return 0;
}

static int give_all_back(void)
{
	int err;

	for (size_t i = 0; i < N_SIGNALS; i++)
		if (!is_live(signals[i]))
			return -EBUSY;
	for (size_t i = 0; i < N_SIGNALS; i++) {
		err = give_back(signals[i]);
		if (err == 0)
			continue;
		while (i-- > 0) /* all or nothing */
			take(signals[i]);
		return err;
	}
	return 0;
}

/* All or nothing: what was taken before the failure goes back. */
static int take_all(void)
{
	unsigned taken = 0;

	for (size_t i = 0; i < N_SIGNALS; i++) {
		int result = take(signals[i]);

		if (result >= 0) {
			taken |= (unsigned)result << i;
			continue;
		}
		while (i-- > 0)
			if (taken & 1u << i)
				give_back(signals[i]);
		return result;
	}
	return 0;
}

int mcsafe_install(void)
{
	struct section section;
	int err;

	enter(&section);
	err = take_all();
	if (err == 0)
		installed = 1;
	leave(&section);
	return err;
}

int mcsafe_uninstall(void)
{
	struct section section;
	int err = 0;

	enter(&section);
	if (installed)
		err = give_all_back();
	if (err == 0)
		installed = 0;
	leave(&section);
	return err;
}

int mcsafe_installed(void)
{
	int saved_errno = errno, live = 1;

	for (size_t i = 0; i < N_SIGNALS; i++)
		live &= is_live(signals[i]);
	errno = saved_errno;
	return live;
}
