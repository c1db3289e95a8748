/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stats.h - how often memory has failed in this process
 *
 *	#include <stdio.h>
 *	#include <mcsafe/stats.h>
 *
 *	void print_lost(void)
 *	{
 *		struct mcsafe_stats stats;
 *
 *		mcsafe_stats_get(&stats);
 *		printf("%llu reads met an I/O error\n",
 *		       stats.landed[MCSAFE_CAUSE_IO][MCSAFE_SIDE_SOURCE]);
 *	}
 *
 * The library counts what has failed, and nothing of what has succeeded: an access that succeeds
 * costs nothing. The counts are those of the process since it began. A child of fork(2) goes on
 * from the counts of its parent. Several copies of the library in one process count apart.
 */
#ifndef MCSAFE_STATS_H
#define MCSAFE_STATS_H

#include <mcsafe/compiler.h>
#include <mcsafe/fault.h>

/** The first index of landed[] is a value of enum mcsafe_cause, and below MCSAFE_STATS_CAUSES. */
#define MCSAFE_STATS_CAUSES 8
/** The second index of landed[] is a value of enum mcsafe_side, and below MCSAFE_STATS_SIDES. */
#define MCSAFE_STATS_SIDES  3

/** Counts since the process began. Each is exact; together they are not of one moment. */
struct mcsafe_stats {
	/** Faults of accesses that have a row: copies, fills, scans, words, iterators, and rows of
	 *  other modules. landed[cause][side]. A vector store that fails is tried again byte by
	 *  byte, so one call can count two. */
	unsigned long long landed[MCSAFE_STATS_CAUSES][MCSAFE_STATS_SIDES];
	/** Faults that have left the body of a guard. */
	unsigned long long guards;
	/** Pages that a stand-in has replaced. */
	unsigned long long shields;
	/** Notices of memory that was lost (BUS_MCEERR_AO) and that were taken. */
	unsigned long long notices;
	/** Signals that were not the library's, and went to the previous handler or killed. */
	unsigned long long passed_on;
	/** Calls that were refused because their range wraps around the end of memory. */
	unsigned long long refused;
	/** Reads and writes of a struct mcsafe_pmem that stopped before memory that is known to be
	 *  bad. */
	unsigned long long known_bad;
	/** Ranges that a fault has added to the registry of a struct mcsafe_pmem. */
	unsigned long long ranges_noted;
	/** Calls of mcsafe_pmem_repair() that repaired at least one byte. */
	unsigned long long repairs;
	/** Pages that a stand-in has replaced whose bytes were carried over: they are not lost.
	 *  They are not counted in shields. */
	unsigned long long carried;
	/** Stand-ins that the kernel has refused: there was no memory, or no mapping was left
	 *  (vm.max_map_count). The fault went to the previous handler, or a touch failed. */
	unsigned long long no_stand_in;
	/** Stand-ins that were mapped when less than a sixteenth of vm.max_map_count was left, as
	 *  far as the library knew: see mcsafe_shield_mappings_left(). */
	unsigned long long near_limit;
	unsigned long long reserved[13]; /**< 0 */
};

MCSAFE_BEGIN_DECLS

/**
 * Read all counts.
 *
 * @param[out] stats  Receives the counts. Not NULL.
 *
 * @par Safety        MT-Safe, AS-Safe
 * @par Cost          About 40 loads.
 * @since 0.1         @see mcsafe_stats_write()
 */
MCSAFE_API void mcsafe_stats_get(struct mcsafe_stats *stats) MCSAFE_NOEXCEPT;

/**
 * Write all counts to a descriptor, in the text format that Prometheus reads (version 0.0.4).
 *
 * All metrics are counters, and their names begin with "mcsafe_". Each has a line of help. That of
 * landed[] is mcsafe_faults_total, with the labels cause (a name of mcsafe_cause_name()) and side
 * ("source" or "destination"); all causes and both sides are written, also those that are 0.
 *
 * @param fd          The file descriptor to write to. A short write is continued; a write that a
 *                    signal interrupts is repeated.
 *
 * @return 0          All was written.
 *         -EBADF, -EAGAIN, -ENOSPC, -EPIPE, ...
 *                    write(2) failed. A part may have been written. SIGPIPE has its usual effect.
 *
 * @par Safety        MT-Safe, AS-Safe. A cancellation point, as write(2) is. errno is unchanged.
 * @par Cost          One write(2) of some 4 KiB.
 * @since 0.1         @see mcsafe_stats_get()
 */
MCSAFE_API int mcsafe_stats_write(int fd);

MCSAFE_END_DECLS

#endif /* MCSAFE_STATS_H */
