/* SPDX-License-Identifier: BSD-3-Clause */
/* notice.h - early notices of lost memory that no thread is using at the moment */
#ifndef MCSAFE_NOTICE_H
#define MCSAFE_NOTICE_H

#include <mcsafe/compiler.h>

#include <stddef.h>
#include <time.h>

MCSAFE_BEGIN_DECLS

/**
 * A notice: the kernel found that memory of this process is lost. The kernel sends it as SIGBUS
 * with BUS_MCEERR_AO ("action optional"). The thread that receives it is not using the memory, and
 * no copy stops for it. A later access to the memory faults, so there is time to fetch the data
 * from elsewhere.
 */
struct mcsafe_notice {
	void *addr;           /**< si_addr: an address in the lost page, usually its start */
	size_t extent;        /**< bytes lost, a power of two (1 << si_addr_lsb): the aligned
	                           block of this size around addr is lost; 0: unknown */
	struct timespec time; /**< CLOCK_REALTIME when the handler received the notice */
	void *reserved[4];    /**< NULL; room to grow without a new ABI */
};

/** How many notices can wait for mcsafe_notice_read(). */
#define MCSAFE_NOTICE_ROOM 256

/**
 * A function that is called for each notice. It runs in the signal handler, so it may call only
 * async-signal-safe functions. It must not call mcsafe_on_notice(), and should return.
 */
typedef void (*mcsafe_notice_fn)(const struct mcsafe_notice *notice, void *arg);

/**
 * Start to record notices: keep them for mcsafe_notice_read(), and call a function for each.
 *
 * Until the program calls this function or mcsafe_notice_thread(), notices are not recorded, and
 * mcsafe_handle_signal() returns 0 for them, so that the host can handle them itself. From then on
 * each notice is recorded once, whichever handler receives it. If the handler of mcsafe_install()
 * receives a notice, it records the notice and then calls the previous handler. If the previous
 * action is SIG_DFL or SIG_IGN, the notice is dropped after it was recorded.
 *
 * @param fn   Called in the handler after the notice was queued; NULL: only queue.
 * @param arg  Passed to fn.
 *
 * @return     0        Done.
 *             -ENOMEM  pthread_atfork(3) failed. Nothing was changed.
 *
 * @par Late        A handler that is running in another thread may still call the previous
 *                  function, with that function's arg, after this call has returned.
 * @par Sources     The kernel sends early notices to threads that asked for them; see
 *                  mcsafe_notice_thread(). If vm.memory_failure_early_kill is 1, the kernel also
 *                  sends them to the first thread of a process that has no policy of its own.
 * @par fork        A child starts with an empty queue, and keeps the function.
 * @par Safety      MT-Safe. Not AS-Safe. errno is unchanged.
 * @since 0.1       @see mcsafe_notice_read(), mcsafe_notice_thread()
 */
MCSAFE_API int mcsafe_on_notice(mcsafe_notice_fn fn, void *arg) MCSAFE_NOEXCEPT;

/**
 * Let the calling thread receive notices of memory that any thread of the process has lost.
 *
 * Sets the thread's policy (PR_MCE_KILL of prctl(2)) to "early". One such thread is enough, because
 * the kernel sends a notice to the first that it finds. SIGBUS should be unblocked in that thread.
 * Threads that it creates later inherit the policy. Like mcsafe_on_notice(), a call with 1 starts
 * to record notices.
 *
 * @param on   1: let this thread receive notices. 0: restore the policy that the first call with 1
 *             found.
 *
 * @return     0        Done, or there was nothing to do.
 *             -EINVAL  on is neither 0 nor 1; or the kernel does not know the policy.
 *             -ENOMEM  As for mcsafe_on_notice().
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is unchanged.
 * @since 0.1  @see mcsafe_on_notice(), prctl(2)
 */
MCSAFE_API int mcsafe_notice_thread(int on) MCSAFE_NOEXCEPT;

/**
 * Fetch notices, oldest first. Never waits.
 *
 * @param[out] notices  Room for n notices.
 * @param      n        The largest number to fetch.
 * @param[out] lost     Receives how many notices were dropped since the last call that passed a
 *                      pointer here, because MCSAFE_NOTICE_ROOM notices were waiting. May be NULL.
 *
 * @return              The number of notices fetched, 0..n.
 *
 * @par Safety          MT-Safe: each notice goes to one caller. AS-Safe. No lock. errno is
 *                      unchanged.
 * @since 0.1           @see mcsafe_on_notice()
 */
MCSAFE_API size_t mcsafe_notice_read(struct mcsafe_notice *notices, size_t n, size_t *lost)
	MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_NOTICE_H */
