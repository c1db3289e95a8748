/* SPDX-License-Identifier: BSD-3-Clause */
/* control.c - the lock of all functions that change what the handler does */
#include "control.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "page.h"

/*
 * If a thread calls fork(2) while another thread holds the lock, the child does not have the thread
 * that would release it. The child must find the lock free: what is done under the lock can be
 * interrupted at any point and begun again. A mutex would stay locked for ever in the child.
 * Handlers of pthread_atfork(3) do not help before they are set.
 *
 * So the lock has a page of its own, which the kernel fills with zeros in a child of fork(2)
 * (MADV_WIPEONFORK of madvise(2), since Linux 4.14). A child that shares the memory, for example
 * that of vfork(2), waits like a thread.
 *
 * Where the kernel does not offer that, a process that finds the number of another process takes
 * the lock over. Numbers can deceive: a child of the first process of a PID namespace can be the
 * first process of another one.
 */
static _Alignas(MCSAFE__PAGE) struct {
	_Atomic pid_t owner; /* the process that holds the lock; 0 if none does */
	char rest[MCSAFE__PAGE - sizeof(pid_t)];
} lock;

/* Whether the kernel wipes the page. Threads that ask at the same time get the same answer. */
static bool is_wiped(void)
{
	static _Atomic int answer; /* 0: not asked yet; 1: yes; -1: no */
	int known = atomic_load(&answer);

	if (known == 0) {
		known = madvise(&lock, sizeof(lock), MADV_WIPEONFORK) == 0 ? 1 : -1;
		atomic_store(&answer, known);
	}
	return known > 0;
}

void mcsafe__control_enter(struct mcsafe__section *section)
{
	pid_t self = getpid(), owner = 0;
	bool wiped;
	sigset_t all;

	section->saved_errno = errno;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &section->cancel_state);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &section->mask);
	wiped = is_wiped();
	while (!atomic_compare_exchange_weak(&lock.owner, &owner, self)) {
		if (wiped || owner == self) {
			sched_yield();
			owner = 0;
		}
	}
}

void mcsafe__control_leave(const struct mcsafe__section *section)
{
	atomic_store(&lock.owner, 0);
	pthread_sigmask(SIG_SETMASK, &section->mask, NULL);
	pthread_setcancelstate(section->cancel_state, NULL);
	errno = section->saved_errno;
}
