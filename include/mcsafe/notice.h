/* SPDX-License-Identifier: BSD-3-Clause */
/* notice.h - early notices of memory that was lost and is not being used just now */
#ifndef MCSAFE_NOTICE_H
#define MCSAFE_NOTICE_H

#include <stddef.h>
#include <time.h>

#include <mcsafe/compiler.h>

MCSAFE_BEGIN_DECLS

/**
 * Memory of this process that the kernel found to be lost: SIGBUS with BUS_MCEERR_AO ("action
 * optional"). The thread that is told is not using it, and no copy stops for it; but whoever
 * touches it later gets a fault, so there is time to fetch the data from elsewhere.
 */
struct mcsafe_notice {
	void *addr;           /**< si_addr: in the lost page, usually its start */
	size_t extent;        /**< bytes lost: the aligned block of this size around addr; a power
	                           of two, 1 << si_addr_lsb; 0: unknown */
	struct timespec time; /**< CLOCK_REALTIME, when the handler was told */
	void *reserved[4];    /**< NULL; room to grow without a new ABI */
};

/** How many notices wait for mcsafe_notice_read() at most. */
#define MCSAFE_NOTICE_ROOM 256

/**
 * What is called for a notice, in the signal handler: async-signal-safe functions only. It may not
 * call mcsafe_on_notice(), and should return.
 */
typedef void (*mcsafe_notice_fn)(const struct mcsafe_notice *notice, void *arg);

/**
 * Take note of lost memory: keep notices for mcsafe_notice_read(), and call a function for each.
 *
 * Until a program calls this or mcsafe_notice_thread(), nothing is noted, and a host that calls
 * mcsafe_handle_signal() keeps its notices. From then on each one is noted once, wherever it
 * arrives. One that comes by the handler of mcsafe_install() goes on to the previous handler
 * afterwards, so a host keeps its own too; it is dropped after the note for SIG_DFL and SIG_IGN.
 *
 * @param fn   Called in the handler after the notice was queued; NULL: queue only.
 * @param arg  Passed to fn.
 *
 * @return     0; or -ENOMEM: pthread_atfork(3) failed, nothing was changed.
 *
 * @par Late        A handler that is running in another thread may still call the function that
 *                  was there before, with its own arg, after this has returned.
 * @par Sources     The kernel sends early notices to threads that asked for them only, see
 *                  mcsafe_notice_thread(); if vm.memory_failure_early_kill is 1, also to the
 *                  first thread of a process that has no policy of its own.
 * @par fork        A child starts with an empty queue, and keeps the function.
 * @par Safety      MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1       @see mcsafe_notice_read(), mcsafe_notice_thread()
 */
MCSAFE_API int mcsafe_on_notice(mcsafe_notice_fn fn, void *arg) MCSAFE_NOEXCEPT;

/**
 * Let the calling thread be told of memory that any thread of the process has lost.
 *
 * Sets the thread's policy (PR_MCE_KILL of prctl(2)) to "early". One such thread is enough: the
 * kernel tells the first that it finds. SIGBUS should be unblocked in it. Threads that it creates
 * later inherit the policy.
 *
 * @param on   1: tell this thread. 0: give back the policy that the first call with 1 found.
 *
 * @return     0        done, or nothing was to be done.
 *             -EINVAL  on is neither 0 nor 1; or the kernel does not know the policy.
 *             -ENOMEM  as mcsafe_on_notice().
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_on_notice(), prctl(2)
 */
MCSAFE_API int mcsafe_notice_thread(int on) MCSAFE_NOEXCEPT;

/**
 * Fetch notices, oldest first. Never waits.
 *
 * @param[out] notices  Room for n.
 * @param      n        How many to fetch at most.
 * @param[out] lost     How many notices were dropped because MCSAFE_NOTICE_ROOM of them were
 *                      waiting, since the last call that asked; NULL: do not ask.
 *
 * @return              How many were fetched, 0..n.
 *
 * @par Safety          MT-Safe: each notice goes to one caller. AS-Safe. No lock; errno is left
 *                      alone.
 * @since 0.1           @see mcsafe_on_notice()
 */
MCSAFE_API size_t mcsafe_notice_read(struct mcsafe_notice *notices, size_t n, size_t *lost)
	MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_NOTICE_H */
