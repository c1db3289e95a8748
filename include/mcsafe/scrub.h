/* SPDX-License-Identifier: BSD-3-Clause */
/* scrub.h - walk mapped memory to find what is bad before somebody needs it */
#ifndef MCSAFE_SCRUB_H
#define MCSAFE_SCRUB_H

#include <stddef.h>

#include <mcsafe/badblocks.h>
#include <mcsafe/compiler.h>
#include <mcsafe/copy.h>
#include <mcsafe/fault.h>

MCSAFE_BEGIN_DECLS

/** How far a scrub has come. */
struct mcsafe_scrub_progress {
	size_t offset;     /**< all before it has been looked at; where the next run goes on */
	size_t bad;        /**< bytes found bad, by all runs, that were not known before */
	size_t skipped;    /**< bytes left alone, by all runs, since they were known as bad */
	size_t readable;   /**< bytes known as bad that could be read: with recheck only */
	void *reserved[4]; /**< NULL; room to grow without a new ABI */
};

/**
 * Called after each step of a scrub, of 64 KiB or so. Returning anything but 0 stops the run.
 */
typedef int (*mcsafe_scrub_progress_fn)(const struct mcsafe_scrub_progress *progress, void *arg);

/**
 * Called for each bad range before it is added to the registry. Returning anything but 0 keeps it
 * out: of a file that was truncated, say, whose pages behind the end cannot be read either.
 *
 * @param bad    The range, as offsets from the start of the memory.
 * @param fault  What was met. If signo is 0 the kernel told of it without a signal; cause is POISON.
 */
typedef int (*mcsafe_scrub_found_fn)(const struct mcsafe_range *bad,
				     const struct mcsafe_fault *fault, void *arg);

/** How to scrub; all zeros is a good start. */
struct mcsafe_scrub_options {
	size_t rate;  /**< bytes per second at most; 0: as fast as it goes */
	size_t start; /**< offset to begin at, of an earlier scrub; 0..len */
	int recheck; /**< 1: look at what is known as bad, too, and count what can be read; it stays
	                    in the registry all the same */
	mcsafe_scrub_progress_fn progress; /**< NULL: not wanted */
	mcsafe_scrub_found_fn found;       /**< NULL: add all to the registry */
	void *arg;                         /**< passed to both, which are called in the thread that
	                                        scrubs */
	void *reserved[4];                 /**< NULL */
};

/** A scrub of one piece of memory. */
struct mcsafe_scrub;

/**
 * Prepare a scrub.
 *
 * Each step first asks the kernel to bring the pages in (MADV_POPULATE_READ, since Linux 5.14),
 * which finds pages that the kernel knows to be poisoned without a signal. Then every byte is
 * copied to a small buffer, with mcsafe_memcpy(), since poison that nobody has met shows in a read
 * only. What is lost goes into the registry: the extent of the loss (see struct mcsafe_fault), or
 * the page if that is not known. Ranges of the registry are not touched, unless recheck is set.
 *
 * POISON and IO are losses. Any other cause - memory that is not mapped, or not readable - says
 * nothing about the medium, and ends the run.
 *
 * @param[out] scrub      Receives it, to be given back by mcsafe_scrub_destroy(). Not NULL.
 *                        Unchanged after a failure.
 * @param      base       The memory. It must stay mapped until the scrub is destroyed, or has ended.
 * @param      len        Its length in bytes, 0 included. Of a file: not more than it has, for the
 *                        pages behind its end cannot be told from those that the disk failed to
 *                        give.
 * @param      badblocks  The registry, which counts from base. Not NULL. It must outlive the scrub.
 * @param[in]  options    How; NULL: as if all zeros. Copied.
 *
 * @return     0        Prepared; nothing has been touched yet.
 *             -EINVAL  base + len wraps around, options->start is above len, or options->recheck is
 *                      neither 0 nor 1.
 *             -ENOMEM  There is no memory for it.
 *
 * @par Page cache
 *             A scrub of a file that is not mapped directly (DAX) reads all of it into the page
 *             cache, and what others have there may have to go. Nothing is dropped afterwards: the
 *             pages could be theirs. A low rate, and a memory control group for the process, keep
 *             that small. What is in the page cache already is looked at there, and not on the disk.
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_scrub_run(), mcsafe_scrub_start()
 */
MCSAFE_API int mcsafe_scrub_create(struct mcsafe_scrub **scrub, const void *base, size_t len,
				   struct mcsafe_badblocks *badblocks,
				   const struct mcsafe_scrub_options *options) MCSAFE_NOEXCEPT;

/**
 * Scrub, in the calling thread, from where the last run stopped.
 *
 * mcsafe_install() must have been called, and SIGBUS and SIGSEGV be unblocked in this thread.
 *
 * @param scrub  The scrub. Not NULL.
 *
 * @return     0           All has been looked at.
 *             -ECANCELED  mcsafe_scrub_cancel() was called, or the progress function wanted it. The
 *                         next run goes on from there.
 *             -EBUSY      It is running already, or its thread has not been waited for.
 *             -EFAULT     There is memory that is not mapped or not readable, at the offset where
 *                         it stopped. The next run begins with it.
 *             -ENOMEM     What was found could not be added. The next run finds it again.
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_scrub_start()
 */
MCSAFE_API int mcsafe_scrub_run(struct mcsafe_scrub *scrub);

/**
 * Scrub in a thread of its own, from where the last run stopped.
 *
 * The thread has all signals blocked but SIGBUS and SIGSEGV, an alternate stack, and the lowest
 * scheduling policy (SCHED_IDLE) where it may have it.
 *
 * @param scrub  The scrub. Not NULL.
 *
 * @return     0        The thread runs; mcsafe_scrub_wait() has to be called.
 *             -EBUSY   As mcsafe_scrub_run().
 *             -EAGAIN  There are too many threads: pthread_create(3).
 *
 * @par fork   A child of fork(2) has no such thread; the scrub is good for nothing there.
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_scrub_wait(), mcsafe_scrub_cancel()
 */
MCSAFE_API int mcsafe_scrub_start(struct mcsafe_scrub *scrub) MCSAFE_NOEXCEPT;

/**
 * Wait for the thread of mcsafe_scrub_start() to end.
 *
 * @param scrub  The scrub. Not NULL.
 *
 * @return     What mcsafe_scrub_run() would have returned; or -EINVAL: there is no thread to wait
 *             for, or another call is waiting for it, or it is the caller.
 *
 * @par Safety MT-Safe; waits. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_scrub_start()
 */
MCSAFE_API int mcsafe_scrub_wait(struct mcsafe_scrub *scrub);

/**
 * Let a run end soon: at its next step, or in the middle of its pause.
 *
 * If the scrub is not running, its next run ends at once; that uses it up.
 *
 * @param scrub  The scrub. Not NULL.
 *
 * @par Safety MT-Safe, AS-Safe
 * @since 0.1  @see mcsafe_scrub_run()
 */
MCSAFE_API void mcsafe_scrub_cancel(struct mcsafe_scrub *scrub) MCSAFE_NOEXCEPT;

/**
 * Ask how far a scrub has come, whether it is running or not.
 *
 * @param      scrub     The scrub. Not NULL.
 * @param[out] progress  Receives it. Not NULL. The members may be of two neighbouring steps.
 *
 * @par Safety MT-Safe, AS-Safe
 * @since 0.1  @see mcsafe_scrub_create()
 */
MCSAFE_API void mcsafe_scrub_get_progress(const struct mcsafe_scrub *scrub,
					  struct mcsafe_scrub_progress *progress) MCSAFE_NOEXCEPT;

/**
 * Give a scrub back. A thread of it is cancelled and waited for.
 *
 * @param scrub  The scrub, which nobody else is using any more, and not in a function that it calls.
 *               NULL: nothing is done.
 *
 * @par Safety MT-Safe for different scrubs. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_scrub_create()
 */
MCSAFE_API void mcsafe_scrub_destroy(struct mcsafe_scrub *scrub) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_SCRUB_H */
