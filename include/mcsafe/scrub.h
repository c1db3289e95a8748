/* SPDX-License-Identifier: BSD-3-Clause */
/* scrub.h - read all of a mapping to find bad memory before the program needs it */
#ifndef MCSAFE_SCRUB_H
#define MCSAFE_SCRUB_H

#include <mcsafe/compiler.h>

#include <stddef.h>

#include <mcsafe/badblocks.h>
#include <mcsafe/copy.h>
#include <mcsafe/fault.h>

MCSAFE_BEGIN_DECLS

/** The progress of a scrub. */
struct mcsafe_scrub_progress {
	size_t offset;     /**< everything before it was checked; the next run starts here */
	size_t bad;        /**< bytes that all runs found bad and that were not known before */
	size_t skipped;    /**< bytes that all runs left alone because they were known bad */
	size_t readable;   /**< known bad bytes that could be read; 0 without recheck */
	size_t failed;     /**< bytes that all runs could not read because of an I/O error which may
	                        pass; they are not in the registry */
	void *reserved[4]; /**< NULL; room to grow without a new ABI */
};

/**
 * Called after each step of a scrub; a step is at most 64 KiB. If it returns anything but 0, the
 * run stops.
 */
typedef int (*mcsafe_scrub_progress_fn)(const struct mcsafe_scrub_progress *progress, void *arg);

/**
 * What to do with a range that could not be read. A found function returns one of these. Any other
 * value counts as MCSAFE_SCRUB_LEAVE.
 */
enum mcsafe_scrub_verdict {
	MCSAFE_SCRUB_DECIDE =
		0, /**< add it if the cause is POISON; if it is IO, count it as failed */
	MCSAFE_SCRUB_LEAVE = 1, /**< neither add nor count it */
	MCSAFE_SCRUB_ADD = 2    /**< add it: the program knows that the medium has lost it */
};

/**
 * Called for each range that could not be read, before the range is added to the registry.
 *
 * The cause of the fault is POISON or IO. Poison is lost. An I/O error may pass: tmpfs had no space
 * for a page, the file was truncated, or a server is away. Therefore a range with cause IO is added
 * only if this function returns MCSAFE_SCRUB_ADD. It should do so if pread(2) of the range fails
 * with EIO too, while the file keeps its size. mcsafe_pmem_scrub() does that automatically.
 *
 * @param bad    The range. Its start is an offset from the start of the memory.
 * @param fault  The fault. If the kernel reported the range without a signal, signo is 0 and cause
 *               is POISON.
 *
 * @return       A value of enum mcsafe_scrub_verdict.
 */
typedef int (*mcsafe_scrub_found_fn)(const struct mcsafe_range *bad,
				     const struct mcsafe_fault *fault, void *arg);

/** Options of a scrub. Zeros are the defaults. */
struct mcsafe_scrub_options {
	size_t rate;  /**< bytes per second at most; 0: no limit */
	size_t start; /**< offset to begin at, 0..len; for example the offset of an earlier scrub */
	int recheck;  /**< 1: also read the known bad ranges, and count the bytes that can be
	                   read; the ranges stay in the registry. 0: leave these ranges alone */
	mcsafe_scrub_progress_fn progress; /**< NULL: not wanted */
	mcsafe_scrub_found_fn found;       /**< NULL: as if it returned MCSAFE_SCRUB_DECIDE */
	void *arg;                         /**< passed to both functions, which run in the thread
	                                        that scrubs */
	void *reserved[4];                 /**< NULL */
};

/** A scrub of one range of memory. */
struct mcsafe_scrub;

/**
 * Prepare a scrub.
 *
 * A scrub works in steps. Each step first asks the kernel to bring the pages in
 * (MADV_POPULATE_READ, since Linux 5.14). This finds the pages that the kernel knows to be
 * poisoned, without a signal. Then the step copies every byte to a small buffer with
 * mcsafe_memcpy(), because only a read finds poison that nothing has accessed yet. Ranges that are
 * in the registry are not accessed, unless options->recheck is 1.
 *
 * From Linux 5.14 to 6.8, MADV_POPULATE_READ may never return if the disk fails. There the step
 * asks /proc/self/pagemap instead. That tells of poison only in pages of 4096 bytes that this
 * process had mapped when they were lost. Each other page or huge page that the kernel knows to be
 * poisoned raises a signal, and is found by that. mcsafe_pmem_scrub() of a file of tmpfs or
 * hugetlbfs need not do so.
 *
 * After a fault with cause POISON or IO the run continues past the range that cannot be read. If
 * the cause is POISON, the range is added to the registry: the extent of the loss (see struct
 * mcsafe_fault), or one page of 4096 bytes if the extent is unknown. If the extent exceeds a page
 * and the kernel supports MADV_POPULATE_READ, only one page is added, and the other pages are
 * checked one by one. If the cause is IO, see mcsafe_scrub_found_fn. A fault with any other cause
 * (for example memory that is not mapped or not readable) says nothing about the medium, and ends
 * the run.
 *
 * @param[out] scrub      Receives the scrub. Free it with mcsafe_scrub_destroy(). Not NULL.
 *                        Unchanged after a failure.
 * @param      base       Start of the memory. The memory must stay mapped until the scrub has ended
 *                        or is destroyed.
 * @param      len        Length of the memory in bytes; may be 0. For a mapped file, len must not
 *                        exceed the size of the file: a scrub cannot distinguish pages past the end
 *                        of the file from pages that the disk failed to read.
 * @param      badblocks  The registry. Its offsets are relative to base. Not NULL. It must exist
 *                        until the scrub is destroyed.
 * @param[in]  options    The options, which are copied. NULL: all members are 0.
 *
 * @return     0        Prepared. No memory was accessed yet.
 *             -EINVAL  base + len exceeds UINTPTR_MAX, options->start exceeds len, or
 *                      options->recheck is neither 0 nor 1.
 *             -ENOMEM  Out of memory.
 *
 * @par Page cache
 *             Unless a file is mapped directly (DAX), a scrub reads all of it into the page cache.
 *             This can displace pages of other programs. The scrub does not drop pages afterwards,
 *             because another program could be using them. To limit the effect, set a low rate and
 *             put the process into a memory control group. Pages that are already in the page cache
 *             are read from there and not from the disk.
 * @par Holes  Reading a hole in a file of tmpfs takes memory for it. Only mcsafe_pmem_scrub() knows
 *             the file, and leaves holes out.
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_scrub_run(), mcsafe_scrub_start()
 */
MCSAFE_API int mcsafe_scrub_create(struct mcsafe_scrub **scrub, const void *base, size_t len,
				   struct mcsafe_badblocks *badblocks,
				   const struct mcsafe_scrub_options *options) MCSAFE_NOEXCEPT;

/**
 * Scrub in the calling thread, starting where the last run stopped.
 *
 * mcsafe_install() must have been called, and SIGBUS and SIGSEGV must be unblocked in the calling
 * thread.
 *
 * @param scrub  The scrub. Not NULL.
 *
 * @return     0           The scrub is complete.
 *             -ECANCELED  mcsafe_scrub_cancel() was called, or the progress function returned
 *                         another value than 0. The next run continues where this one stopped.
 *             -EBUSY      The scrub is running already, or mcsafe_scrub_wait() was not yet called
 *                         for its thread.
 *             -EFAULT     The memory at the offset where the run stopped is not mapped or not
 *                         readable. The next run begins with it.
 *             -ENOMEM     A bad range could not be added. The next run finds it again.
 *
 * @par Cancellation
 *             Each step and each pause is a cancellation point, see pthreads(7). A function of the
 *             caller may end the thread too. The scrub is then not running any more: the next run
 *             continues with the step that was not finished.
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_scrub_start()
 */
MCSAFE_API int mcsafe_scrub_run(struct mcsafe_scrub *scrub);

/**
 * Scrub in a new thread, starting where the last run stopped.
 *
 * In the new thread all signals except SIGBUS and SIGSEGV are blocked. The thread has an alternate
 * signal stack, and the scheduling policy SCHED_IDLE if the process is allowed to use it.
 *
 * @param scrub  The scrub. Not NULL.
 *
 * @return     0        The thread was started. Call mcsafe_scrub_wait() to get its result; this
 *                      is required before the next run.
 *             -EBUSY   As for mcsafe_scrub_run().
 *             -EAGAIN  There are too many threads, see pthread_create(3).
 *
 * @par fork   A child of fork(2) does not have the thread. The scrub cannot be used there.
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_scrub_wait(), mcsafe_scrub_cancel()
 */
MCSAFE_API int mcsafe_scrub_start(struct mcsafe_scrub *scrub) MCSAFE_NOEXCEPT;

/**
 * Wait until the thread of mcsafe_scrub_start() has ended.
 *
 * @param scrub  The scrub. Not NULL.
 *
 * @return     0, -ECANCELED, -EFAULT, -ENOMEM   As for mcsafe_scrub_run().
 *             -EINVAL   There is no thread to wait for, another call is waiting for it already, or
 *                       it is the calling thread.
 *
 * If a function of the caller has ended the thread, by pthread_exit(3) for example, the result is
 * -ECANCELED. This function is a cancellation point. If it is cancelled, the thread can still be
 * waited for.
 *
 * @par Safety MT-Safe; waits. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_scrub_start()
 */
MCSAFE_API int mcsafe_scrub_wait(struct mcsafe_scrub *scrub);

/**
 * Make a run end soon: before its next step, or during a pause.
 *
 * If the scrub is not running, its next run ends at once. The run after that is not affected.
 *
 * @param scrub  The scrub. Not NULL.
 *
 * @par Safety MT-Safe, AS-Safe
 * @since 0.1  @see mcsafe_scrub_run()
 */
MCSAFE_API void mcsafe_scrub_cancel(struct mcsafe_scrub *scrub) MCSAFE_NOEXCEPT;

/**
 * Get the progress of a scrub. The scrub may be running.
 *
 * @param      scrub     The scrub. Not NULL.
 * @param[out] progress  Receives the progress. Not NULL. If the scrub is running, some members can
 *                       be one step older than the others.
 *
 * @par Safety MT-Safe, AS-Safe
 * @since 0.1  @see mcsafe_scrub_create()
 */
MCSAFE_API void mcsafe_scrub_get_progress(const struct mcsafe_scrub *scrub,
					  struct mcsafe_scrub_progress *progress) MCSAFE_NOEXCEPT;

/**
 * Free a scrub. If its thread is running, the thread is cancelled and waited for.
 *
 * @param scrub  The scrub. No other thread may be using it, and its progress and found functions
 *               must not call this. NULL: nothing is done.
 *
 * @par Safety MT-Safe for different scrubs. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_scrub_create()
 */
MCSAFE_API void mcsafe_scrub_destroy(struct mcsafe_scrub *scrub) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_SCRUB_H */
