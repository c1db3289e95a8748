/* SPDX-License-Identifier: BSD-3-Clause */
/* install.c - put our handler in front of SIGBUS and SIGSEGV, take it away, ask whether it is live */
#include <mcsafe/handler.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "engine.h"
#include "handler.h"

static const int signals[] = {SIGBUS, SIGSEGV};
#define N_SIGNALS (sizeof(signals) / sizeof(signals[0]))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static int installed; /* mcsafe_install() has succeeded since the last mcsafe_uninstall() */

static void lock_for_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void unlock_after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

/* A child of a thread that forks while another one installs must not inherit a taken lock. */
static void prepare_for_fork(void)
{
	pthread_atfork(lock_for_fork, unlock_after_fork, unlock_after_fork);
}

/* Signals are blocked while the lock is held: a handler that calls fork(2) would need it. */
struct section {
	sigset_t mask;
	int saved_errno;
};

static void enter(struct section *section)
{
	sigset_t all;

	section->saved_errno = errno;
	pthread_once(&fork_once, prepare_for_fork);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &section->mask);
	pthread_mutex_lock(&lock);
}

static void leave(const struct section *section)
{
	pthread_mutex_unlock(&lock);
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
	return is_ours(&found) ? 0 : mcsafe__chain_push(signo, &found);
}

int mcsafe_install(void)
{
	struct section section;
	int err;

	enter(&section);
	err = mcsafe__engine_from_environment();
	for (size_t i = 0; i < N_SIGNALS && err == 0; i++)
		err = take(signals[i]);
	if (err == 0)
		installed = 1;
	leave(&section);
	return err;
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
	int err = 0;

	for (size_t i = 0; i < N_SIGNALS; i++)
		if (!is_live(signals[i]))
			return -EBUSY;
	for (size_t i = 0; i < N_SIGNALS && err == 0; i++)
		err = give_back(signals[i]);
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
