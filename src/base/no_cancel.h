/* SPDX-License-Identifier: BSD-3-Clause */
/* no_cancel.h - a function that holds something must not be left by pthread_cancel(3) */
#ifndef MCSAFE_SRC_BASE_NO_CANCEL_H
#define MCSAFE_SRC_BASE_NO_CANCEL_H

#include <pthread.h>

static inline void mcsafe__cancel_restore(const int *state)
{
	pthread_setcancelstate(*state, NULL);
}

static inline int mcsafe__cancel_disable(void)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	return state;
}

/*
 * A declaration. Until its block is left, in any way, system calls in this thread are no
 * cancellation points (pthreads(7)): a request stays pending. So locks, counts, memory and
 * descriptors are given back. Leaving the block does not act on a request either. Neither call is a
 * system call, unless asynchronous cancellation is enabled.
 */
#define MCSAFE__NO_CANCEL()                                                                      \
 const int mcsafe__saved_cancel_state __attribute__((cleanup(mcsafe__cancel_restore), unused)) = \
	 mcsafe__cancel_disable()

#endif /* MCSAFE_SRC_BASE_NO_CANCEL_H */
