/* SPDX-License-Identifier: BSD-3-Clause */
/* control.c - the lock of all functions that change what the handler does */
#include "control.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

/*
 * The process that holds the lock; 0 if none does. If a thread calls fork(2) while another thread
 * holds the lock, the child finds its parent's number here. The child may then take the lock over:
 * what is done under the lock can be interrupted at any point and begun again. A mutex would stay
 * locked for ever in the child. Handlers of pthread_atfork(3) do not help before they are set.
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
