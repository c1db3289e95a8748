/* SPDX-License-Identifier: BSD-3-Clause */
/* badblocks.h - registries of the known bad ranges of a file, a device or a mapping */
#ifndef MCSAFE_BADBLOCKS_H
#define MCSAFE_BADBLOCKS_H

#include <mcsafe/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <mcsafe/copy.h>
#include <mcsafe/notice.h>

MCSAFE_BEGIN_DECLS

/**
 * A registry: an ordered set of bad ranges. The start of a range is an offset in bytes. The program
 * chooses what the offsets are relative to: the start of a file, a device or a mapping. Ranges that
 * overlap or touch are merged. A range has at least one byte, and its end is at most SIZE_MAX.
 *
 * Any number of threads and signal handlers can look up ranges while other threads change the
 * registry. A lookup takes no lock and waits for nobody. Only one change is made at a time.
 */
struct mcsafe_badblocks;

/**
 * Create an empty registry.
 *
 * @param[out] badblocks  Receives the registry. Free it with mcsafe_badblocks_destroy(). Must not
 *                        be NULL. Unchanged after a failure.
 *
 * @return     0        Success.
 *             -ENOMEM  Out of memory.
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_badblocks_destroy()
 */
MCSAFE_API int mcsafe_badblocks_create(struct mcsafe_badblocks **badblocks) MCSAFE_NOEXCEPT;

/**
 * Free a registry.
 *
 * @param badblocks  The registry. No thread and no signal handler may be using it. NULL: nothing is
 *                   done.
 *
 * @par Safety MT-Safe for different registries. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_badblocks_create()
 */
MCSAFE_API void mcsafe_badblocks_destroy(struct mcsafe_badblocks *badblocks) MCSAFE_NOEXCEPT;

/**
 * Add a bad range. Parts of it may be in the registry already; they stay.
 *
 * @param badblocks  The registry. Not NULL.
 * @param start      Offset of the first bad byte.
 * @param len        Length in bytes, 1 .. SIZE_MAX - start.
 *
 * @return     0        Added. Every lookup that begins after this call sees the whole range.
 *             -EINVAL  len is 0, or start + len exceeds SIZE_MAX. Nothing was changed.
 *             -ENOMEM  Out of memory. Nothing was changed.
 *
 * @par fork   A child of fork(2) may call this only if no other thread of the parent was changing
 *             the registry when the child was created.
 * @par Safety MT-Safe; waits for other changes. Not AS-Safe. errno is left alone.
 * @par Cost   At worst O(sqrt(n)) for n ranges; about 1 microsecond.
 * @since 0.1  @see mcsafe_badblocks_clear(), mcsafe_badblocks_notice()
 */
MCSAFE_API int mcsafe_badblocks_add(struct mcsafe_badblocks *badblocks, size_t start, size_t len)
	MCSAFE_NOEXCEPT;

/**
 * Remove a range whose bytes are good (again). A bad range around the removed one is split in two.
 *
 * Call this after writing good data to the range. Of the functions of this library,
 * mcsafe_pmem_repair() and mcsafe_pmem_refresh() remove ranges from the registry of their mapping.
 * No other function does.
 *
 * @param badblocks  The registry. Not NULL.
 * @param start      Offset of the first good byte.
 * @param len        Length in bytes, 1 .. SIZE_MAX - start. Some or all of the bytes may be missing
 *                   from the registry.
 *
 * @return     0        Removed. Lookups that begin after this call see nothing of the range.
 *             -EINVAL  As for mcsafe_badblocks_add().
 *             -ENOMEM  As for mcsafe_badblocks_add(): splitting a range can need memory.
 *
 * @par fork   As for mcsafe_badblocks_add().
 * @par Safety MT-Safe; waits for other changes. Not AS-Safe. errno is left alone.
 * @par Cost   As for mcsafe_badblocks_add().
 * @since 0.1  @see mcsafe_badblocks_add()
 */
MCSAFE_API int mcsafe_badblocks_clear(struct mcsafe_badblocks *badblocks, size_t start, size_t len)
	MCSAFE_NOEXCEPT;

/**
 * Find the first bad range that overlaps [start, end).
 *
 *	for (size_t at = start; mcsafe_badblocks_next(known, at, end, &bad);
 *	     at = bad.start + bad.len)
 *		printf("%zu bytes at %zu are bad\n", bad.len, bad.start);
 *
 * @param      badblocks  The registry. Not NULL.
 * @param      start      Offset of the first byte to look at.
 * @param      end        Offset just past the last byte to look at. If end <= start, nothing is
 *                        found.
 * @param[out] bad        Receives the part of the bad range that lies in [start, end). NULL if not
 *                        wanted. Unchanged if nothing is found.
 *
 * @return     Whether a bad range was found.
 *
 * @par Changes at the same time
 *             A byte that is bad during the whole call is seen as bad. A byte that is good during
 *             the whole call is seen as good. A byte that changes during the call is seen as
 *             either.
 * @par Safety MT-Safe, AS-Safe. The lookup takes no lock, makes no system call, does not allocate,
 *             and has no loop that a writer could prolong. If a signal handler leaves a lookup by
 *             siglongjmp(3), memory that the registry no longer needs is not freed before
 *             mcsafe_badblocks_destroy().
 * @par Cost   O(log n) for n ranges. One load and one branch if the registry is empty.
 * @since 0.1  @see mcsafe_badblocks_add()
 */
MCSAFE_API bool mcsafe_badblocks_next(const struct mcsafe_badblocks *badblocks, size_t start,
				      size_t end, struct mcsafe_range *bad) MCSAFE_NOEXCEPT;

/**
 * Count the bad ranges.
 *
 * @param badblocks  The registry. Not NULL.
 * @return           The number of bad ranges; 0 if the registry is empty.
 *
 * @par Safety       MT-Safe, AS-Safe
 * @since 0.1        @see mcsafe_badblocks_bytes()
 */
MCSAFE_API size_t mcsafe_badblocks_count(const struct mcsafe_badblocks *badblocks) MCSAFE_NOEXCEPT;

/**
 * Count the bad bytes.
 *
 * @param badblocks  The registry. Not NULL.
 * @return           The sum of the lengths of all bad ranges.
 *
 * @par Safety       MT-Safe, AS-Safe
 * @since 0.1        @see mcsafe_badblocks_count()
 */
MCSAFE_API size_t mcsafe_badblocks_bytes(const struct mcsafe_badblocks *badblocks) MCSAFE_NOEXCEPT;

/**
 * Add the memory that an early notice reports as lost, if it lies in a given mapping.
 *
 * A process has only one queue of notices. Therefore the thread that calls mcsafe_notice_read()
 * must pass each notice to the registries of all mappings.
 *
 * @param     badblocks  The registry. Its offsets are relative to base. Not NULL.
 * @param[in] notice     The notice. The aligned block of `extent` bytes around its address is lost.
 *                       If the extent is unknown (0), the 4096-byte page is.
 * @param     base       Start of the mapping.
 * @param     len        Length of the mapping in bytes.
 *
 * @return    1        The part of the block that lies in [base, base + len) was added.
 *            0        No part of the block lies in the mapping.
 *            -ENOMEM  Out of memory. Nothing was changed.
 *
 * @par Safety MT-Safe; waits for changes of the registry. Not AS-Safe: the function that was passed
 *             to mcsafe_on_notice() must not call it. errno is left alone.
 * @since 0.1  @see mcsafe_notice_read()
 */
MCSAFE_API int mcsafe_badblocks_notice(struct mcsafe_badblocks *badblocks,
				       const struct mcsafe_notice *notice, const void *base,
				       size_t len) MCSAFE_NOEXCEPT;

/**
 * Write a registry as text.
 *
 * The text has one line for each range, in ascending order: start and length in bytes, as decimal
 * numbers separated by a blank ("4096 512"). The kernel's badblocks files have the same form, but
 * count in sectors of 512 bytes. The first line is a heading that begins with "#".
 *
 * @param     badblocks  The registry. Not NULL. A range that changes during the call is written
 *                       either as it was before or as it is after the change.
 * @param     to         The stream to write to. It is flushed at the end.
 *
 * @return    0       Written.
 *            -errno  Writing failed, with the error of fprintf(3) or fflush(3).
 *
 * @par Safety MT-Safe. Not AS-Safe. Not a cancellation point, whatever the stream is. errno is left
 *             alone.
 * @since 0.1  @see mcsafe_badblocks_load()
 */
MCSAFE_API int mcsafe_badblocks_save(const struct mcsafe_badblocks *badblocks, FILE *to)
	MCSAFE_NOEXCEPT;

/**
 * Add ranges from a text that mcsafe_badblocks_save() or a person wrote.
 *
 * Lines may come in any order, and ranges may overlap. Blanks and tabs are allowed before, between
 * and after the numbers. Empty lines and lines whose first character is "#" are ignored. Every
 * line, including the last one, must end with a newline. Therefore truncated text is detected.
 *
 * @param      badblocks  The registry. Not NULL.
 * @param      from       The stream to read from, up to its end.
 * @param[out] line       Receives the number, counted from 1, of the line that was not understood.
 *                        NULL if not wanted. Written for -EINVAL only.
 *
 * @return     0        All ranges were added, in one step: a lookup sees all of them or none.
 *             -EINVAL  A line does not consist of two numbers, or the numbers are not a valid range
 *                      (see mcsafe_badblocks_add()). Nothing was changed.
 *             -ENOMEM  Out of memory. Nothing was changed.
 *             -errno   Reading failed, with the error of getc(3). Nothing was changed.
 *
 * @par Safety MT-Safe; waits for changes of the registry. Not AS-Safe. Not a cancellation point,
 *             whatever the stream is. errno is left alone.
 * @par Cost   O(n log n); a million ranges take less than a second.
 * @since 0.1  @see mcsafe_badblocks_save()
 */
MCSAFE_API int mcsafe_badblocks_load(struct mcsafe_badblocks *badblocks, FILE *from, size_t *line)
	MCSAFE_NOEXCEPT;

/** Whether the kernel answered, and with what. */
enum mcsafe_badblocks_state {
	MCSAFE_BADBLOCKS_NONE,      /**< the kernel knows of nothing bad */
	MCSAFE_BADBLOCKS_FOUND,     /**< the kernel listed bad ranges; all were added */
	MCSAFE_BADBLOCKS_NOT_ASKED, /**< no answer; says nothing about the medium */
};

/** The kernel's answer. */
struct mcsafe_badblocks_answer {
	enum mcsafe_badblocks_state state;
	int error;         /**< NOT_ASKED: the reason, an errno value. FOUND: 0, or EOVERFLOW if the
	                        kernel cut its list off: there may be more ranges. NONE: 0 */
	size_t count;      /**< number of ranges listed, after merging; 0 unless FOUND */
	size_t bytes;      /**< sum of their lengths; 0 unless FOUND */
	void *reserved[4]; /**< NULL; room to grow without a new ABI */
};

/**
 * Ask the kernel which parts of a file or device are bad, and add them.
 *
 * The ranges are offsets in the file or device. Where they come from:
 *
 *	a file              The badblocks list of the disk below the file system, and FIEMAP, which
 *	                    tells where the parts of the file are on the disk. Two kinds of parts
 *	                    are left out: preallocated space that was never written, because it
 *	                    reads as zeros without an access to the medium; and data that is not on
 *	                    the medium yet. A part that is stored encoded, for example compressed,
 *	                    is added as a whole if any byte of it on the disk is bad.
 *	a block device      The badblocks list of the disk. For a partition, the part of the list
 *	                    that lies in the partition.
 *	a device-dax node   The badblocks list of its region. If libmcsafe was built with
 *	                    MCSAFE_WITH_NDCTL, libndctl reads the list; the first call loads
 *	                    libndctl. If libndctl is missing or lists nothing, the list is read
 *	                    from sysfs, since libndctl does not distinguish an empty list from one
 *	                    that it failed to read.
 *
 * The kernel counts in sectors of 512 bytes. It learns of bad blocks from the firmware and, some
 * time after the fault, from machine checks. It keeps at most 512 entries in a list, and shows only
 * the entries that fit into one page of text.
 *
 * @param      badblocks  The registry. Not NULL.
 * @param      fd         A descriptor of the file or device, open for reading.
 * @param[out] answer     Receives the kernel's answer. Not NULL. Always written.
 *
 * @return     0        The kernel answered: the state is NONE or FOUND.
 *             -errno   The kernel could not be asked: the state is NOT_ASKED, and the value is
 *                      -answer->error. Nothing was changed.
 *             -EBADF       fd is not open.
 *             -EOPNOTSUPP  The driver keeps no list; fd is neither a file nor such a device; or the
 *                          file system cannot tell where the file is, or stores it on another disk.
 *             -ENODEV      The file system is not on a single disk (tmpfs, overlayfs, btrfs,
 *                          network).
 *             -EACCES      Only root may read the physical address of the region.
 *             -EBADMSG     The content of a file in sysfs is not a valid list of bad blocks.
 *             -ENOMEM      Out of memory.
 *             others       Errors of open(2), read(2) and ioctl(2).
 *
 * @par Stack  For a device-dax node, as much as libndctl and dlopen(3) need, which is more than a
 *             thread of PTHREAD_STACK_MIN has. Otherwise that suffices.
 * @par Safety MT-Safe. Not AS-Safe. Not a cancellation point. All files are closed again before it
 *             returns, also those that libndctl opens. None of them is 0, 1 or 2. errno is left
 *             alone.
 * @since 0.1  @see mcsafe_badblocks_add(), ndctl-list(1)
 */
MCSAFE_API int mcsafe_badblocks_ask(struct mcsafe_badblocks *badblocks, int fd,
				    struct mcsafe_badblocks_answer *answer) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_BADBLOCKS_H */
