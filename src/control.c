/* SPDX-License-Identifier: BSD-3-Clause */
/* control.c - the lock that all functions take that change what the handler does */
#include "control.h"

#include <errno.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

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

void mcsafe__control_enter(struct mcsafe__section *section)
{
	sigset_t all;

	section->saved_errno = errno;
	pthread_once(&fork_once, prepare_for_fork);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &section->mask);
	pthread_mutex_lock(&lock);
}

void mcsafe__control_leave(const struct mcsafe__section *section)
{
	pthread_mutex_unlock(&lock);
	pthread_sigmask(SIG_SETMASK, &section->mask, NULL);
	errno = section->saved_errno;
}
