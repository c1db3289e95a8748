/* SPDX-License-Identifier: BSD-3-Clause */
/* badblocks.h - which parts of a file, a device or a mapping are known to be bad */
#ifndef MCSAFE_BADBLOCKS_H
#define MCSAFE_BADBLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <mcsafe/compiler.h>
#include <mcsafe/copy.h>
#include <mcsafe/notice.h>

MCSAFE_BEGIN_DECLS

/**
 * A registry: an ordered set of bad ranges. Their starts are offsets, in bytes, from wherever the
 * program counts from. Ranges that overlap or touch are one; a range has at least one byte, and
 * ends at SIZE_MAX at most.
 *
 * Any number of threads and signal handlers may look something up while others change it, without
 * a lock: a lookup waits for nobody. Changes are made one after the other.
 */
struct mcsafe_badblocks;

/**
 * Make an empty registry.
 *
 * @param[out] badblocks  Receives it, to be given back by mcsafe_badblocks_destroy(). Must not be
 *                        NULL. Unchanged after a failure.
 *
 * @return     0; or -ENOMEM.
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_badblocks_destroy()
 */
MCSAFE_API int mcsafe_badblocks_create(struct mcsafe_badblocks **badblocks) MCSAFE_NOEXCEPT;

/**
 * Give a registry back.
 *
 * @param badblocks  The registry, which nobody is using any more, no signal handler either. NULL:
 *                   nothing is done.
 *
 * @par Safety MT-Safe for different registries. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_badblocks_create()
 */
MCSAFE_API void mcsafe_badblocks_destroy(struct mcsafe_badblocks *badblocks) MCSAFE_NOEXCEPT;

/**
 * Note that a range is bad. What of it is known already stays known.
 *
 * @param badblocks  The registry. Not NULL.
 * @param start      Offset of the first bad byte.
 * @param len        Bytes, 1..SIZE_MAX - start.
 *
 * @return     0        Noted. A lookup that begins after this sees all of it.
 *             -EINVAL  len is 0, or the range ends behind SIZE_MAX. Nothing was changed.
 *             -ENOMEM  There is no memory for it. Nothing was changed.
 *
 * @par fork   In a child of fork(2), only if no other thread was changing the registry then.
 * @par Safety MT-Safe; waits for other changes. Not AS-Safe. errno is left alone.
 * @par Cost   O(sqrt(n)) at worst, with n ranges; 1 microsecond or so.
 * @since 0.1  @see mcsafe_badblocks_clear(), mcsafe_badblocks_notice()
 */
MCSAFE_API int mcsafe_badblocks_add(struct mcsafe_badblocks *badblocks, size_t start, size_t len)
	MCSAFE_NOEXCEPT;

/**
 * Note that a range is good (again). A bad range around it becomes two.
 *
 * Nothing in libmcsafe does this on its own; it is for who has put good data there.
 *
 * @param badblocks  The registry. Not NULL.
 * @param start      Offset of the first good byte.
 * @param len        Bytes, 1..SIZE_MAX - start; none of them needs to be known as bad.
 *
 * @return     0        Noted. A lookup that begins after this sees nothing of it.
 *             -EINVAL  As mcsafe_badblocks_add().
 *             -ENOMEM  As mcsafe_badblocks_add(); splitting may need memory.
 *
 * @par fork   As mcsafe_badblocks_add().
 * @par Safety MT-Safe; waits for other changes. Not AS-Safe. errno is left alone.
 * @par Cost   As mcsafe_badblocks_add().
 * @since 0.1  @see mcsafe_badblocks_add()
 */
MCSAFE_API int mcsafe_badblocks_clear(struct mcsafe_badblocks *badblocks, size_t start, size_t len)
	MCSAFE_NOEXCEPT;

/**
 * Look for the first bad range that meets [start, end).
 *
 *	for (size_t at = start; mcsafe_badblocks_next(known, at, end, &bad); at = bad.start + bad.len)
 *		printf("%zu bytes at %zu are bad\n", bad.len, bad.start);
 *
 * @param      badblocks  The registry. Not NULL.
 * @param      start      Offset of the first byte to ask about.
 * @param      end        Offset behind the last; if it is not above start, nothing is found.
 * @param[out] bad        Receives the part of the range that is in [start, end); NULL: not wanted.
 *                        Unchanged if there is none.
 *
 * @return     Whether there is one.
 *
 * @par Changes at the same time
 *             Bytes that are bad during the whole call are seen, and bytes that are good during the
 *             whole call are not; a byte that changes meanwhile is either.
 * @par Safety MT-Safe, AS-Safe. No lock, no system call, no allocation, no loop that a writer could
 *             prolong. A lookup that is left by siglongjmp(3), from a signal handler, keeps memory
 *             that is no longer needed from being given back before mcsafe_badblocks_destroy().
 * @par Cost   O(log n) with n ranges; a load and a branch if there are none.
 * @since 0.1  @see mcsafe_badblocks_add()
 */
MCSAFE_API bool mcsafe_badblocks_next(const struct mcsafe_badblocks *badblocks, size_t start,
				      size_t end, struct mcsafe_range *bad) MCSAFE_NOEXCEPT;

/**
 * Count the bad ranges.
 *
 * @param badblocks  The registry. Not NULL.
 * @return           Their number, 0 if nothing is known to be bad.
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
 * Note what an early notice says, if it is about a given mapping.
 *
 * The queue of notices is one for the whole process, so whoever reads it (mcsafe_notice_read())
 * offers each notice to the registries of all mappings.
 *
 * @param     badblocks  The registry, which counts from base. Not NULL.
 * @param[in] notice     The notice. Its block of `extent` bytes is lost; of an unknown extent, the
 *                       4096-byte page is.
 * @param     base       Start of the mapping.
 * @param     len        Its length in bytes.
 *
 * @return    1        The block, or what of it is in [base, base + len), was noted.
 *            0        It is elsewhere.
 *            -ENOMEM  There is no memory for it. Nothing was changed.
 *
 * @par Safety MT-Safe; waits for changes of the registry. Not AS-Safe: not to be called by the
 *             function of mcsafe_on_notice(). errno is left alone.
 * @since 0.1  @see mcsafe_notice_read()
 */
MCSAFE_API int mcsafe_badblocks_notice(struct mcsafe_badblocks *badblocks,
				       const struct mcsafe_notice *notice, const void *base,
				       size_t len) MCSAFE_NOEXCEPT;

/**
 * Write a registry as text.
 *
 * A line for each range, in ascending order: start and length in bytes, as decimal numbers, with a
 * blank between them: "4096 512". That is the form of the kernel's badblocks files, which count
 * 512-byte sectors, though. A first line that begins with "#" says what it is.
 *
 * @param     badblocks  The registry. Not NULL. A range that changes meanwhile may be written as it
 *                       was before or after.
 * @param     to         Where to write; it is flushed at the end.
 *
 * @return    0       Written.
 *            -errno  Writing failed, with what fprintf(3) or fflush(3) say.
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_badblocks_load()
 */
MCSAFE_API int mcsafe_badblocks_save(const struct mcsafe_badblocks *badblocks, FILE *to)
	MCSAFE_NOEXCEPT;

/**
 * Add what mcsafe_badblocks_save() has written, or somebody by hand.
 *
 * Lines may come in any order, and ranges may overlap. Blanks and tabs may stand before, between
 * and after the numbers. Empty lines, and those whose first character is "#", are passed over. The
 * last line needs its end: text that was cut off is noticed.
 *
 * @param      badblocks  The registry. Not NULL.
 * @param      from       Where to read, up to the end.
 * @param[out] line       Receives the number of the line, from 1, that is at fault; NULL: not
 *                        wanted. Written for -EINVAL only.
 *
 * @return     0        All was added, at once: a lookup sees all of it or nothing.
 *             -EINVAL  A line does not hold two numbers, or they make no range (see
 *                      mcsafe_badblocks_add()). Nothing was changed.
 *             -ENOMEM  There is no memory for it. Nothing was changed.
 *             -errno   Reading failed, with what getc(3) says. Nothing was changed.
 *
 * @par Safety MT-Safe; waits for changes of the registry. Not AS-Safe. errno is left alone.
 * @par Cost   O(n log n); a million ranges take less than a second.
 * @since 0.1  @see mcsafe_badblocks_save()
 */
MCSAFE_API int mcsafe_badblocks_load(struct mcsafe_badblocks *badblocks, FILE *from, size_t *line)
	MCSAFE_NOEXCEPT;

/** What came of asking the kernel. */
enum mcsafe_badblocks_state {
	MCSAFE_BADBLOCKS_NONE,      /**< the kernel knows of nothing bad */
	MCSAFE_BADBLOCKS_FOUND,     /**< it does, and all that it told was added */
	MCSAFE_BADBLOCKS_NOT_ASKED, /**< it could not be asked; that says nothing */
};

/** The kernel's answer. */
struct mcsafe_badblocks_answer {
	enum mcsafe_badblocks_state state;
	int error;         /**< NOT_ASKED: why, an errno value. FOUND: 0, or EOVERFLOW if the kernel
	                        has cut its list off, so that there may be more. NONE: 0 */
	size_t count;      /**< ranges that it told, after merging; 0 unless FOUND */
	size_t bytes;      /**< their length; 0 unless FOUND */
	void *reserved[4]; /**< NULL; room to grow without a new ABI */
};

/**
 * Ask the kernel what it knows to be bad in a file or a device, and add it.
 *
 * Starts are offsets in the file or device.
 *
 *	a file              the badblocks list of the disk below its file system, and where the file's
 *	                    parts are on it (FIEMAP). Preallocated space that was never written reads
 *	                    as zeros without touching the medium, and is left out; so is what is not
 *	                    on the medium yet. Parts that are stored in another form, compressed say,
 *	                    are bad as a whole.
 *	a block device      the badblocks list of the disk, for a partition its part of it
 *	a device-dax node   the badblocks list of its region, by libndctl if that is there
 *	                    (MCSAFE_WITH_NDCTL when the library was built; it is loaded at the first
 *	                    call); from sysfs if it is not, or lists nothing: it does not tell that
 *	                    from a list that it could not read
 *
 * The kernel counts in sectors of 512 bytes. It learns of bad blocks from the firmware and from
 * machine checks, the latter some time after the fault. It keeps 512 entries of a list, and shows as
 * much of it as a page of text holds.
 *
 * @param      badblocks  The registry. Not NULL.
 * @param      fd         A descriptor of it, open for reading.
 * @param[out] answer     What came of it. Not NULL. Always written.
 *
 * @return     0        Asked: state NONE or FOUND.
 *             -errno   Not asked, the same as -answer->error, and nothing was changed:
 *             -EBADF       fd is not open.
 *             -EOPNOTSUPP  The driver keeps no list; or fd is neither a file nor such a device; or the
 *                          file system cannot say where the file is, or has it on another disk.
 *             -ENODEV      The file system is not on one disk (tmpfs, overlayfs, btrfs, network).
 *             -EACCES      Only root may read the region's place in memory.
 *             -EBADMSG     sysfs holds something that is no list of bad blocks.
 *             -ENOMEM      There is no memory for it.
 *             others       As open(2), read(2) and ioctl(2) give them.
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_badblocks_add(), ndctl-list(1)
 */
MCSAFE_API int mcsafe_badblocks_ask(struct mcsafe_badblocks *badblocks, int fd,
				    struct mcsafe_badblocks_answer *answer) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_BADBLOCKS_H */
