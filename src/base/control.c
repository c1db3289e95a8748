/* SPDX-License-Identifier: BSD-3-Clause */
/* control.c - the lock that all functions take that change what the handler does */
#include "control.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

/*
 * The process that is changing the handlers, 0 if none is. A child of a thread that forks while
 * another one is at it finds its parent's number here, and may take over: what is done under the
 * lock can be interrupted at any point and begun anew. A mutex would stay locked for ever, and
 * pthread_atfork(3) leaves the time before it has been called.
 */
static _Atomic pid_t lock;

void mcsafe__control_enter(struct mcsafe__section *section)
{
	pid_t self = getpid(), owner = 0;
	sigset_t all;

	section->saved_errno = errno;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &section->cancel_state);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &section->mask);
	while (!atomic_compare_exchange_weak(&lock, &owner, self)) {
		if (owner == self) {
			sched_yield();
			owner = 0;
		}
	}
}

void mcsafe__control_leave(const struct mcsafe__section *section)
{
	atomic_store(&lock, 0);
	pthread_sigmask(SIG_SETMASK, &section->mask, NULL);
	pthread_setcancelstate(section->cancel_state, NULL);
	errno = section->saved_errno;
}
