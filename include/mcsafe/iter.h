/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iter.h - iterators: scatter and gather over memory that can fail
 *
 * A struct mcsafe_iter is a position in a list of segments. It says which side of a copy it is
 * (source or destination), what it consists of (its flavour) and how many bytes are left in it
 * (its count). The copies below move bytes between it and plain memory, or between two of them:
 *
 *	struct mcsafe_iter it;
 *	struct mcsafe_fault fault;
 *	size_t got;
 *
 *	if (mcsafe_iter_iovec(&it, MCSAFE_SIDE_DESTINATION, iov, 3, SIZE_MAX) != 0)
 *		return -EINVAL;
 *	got = mcsafe_copy_to_iter(pmem, len, &it, &fault);
 *	if (got < len && mcsafe_iter_error(&it) != 0)
 *		...				fault says what is wrong with the byte at pmem + got
 *
 * One rule holds for every flavour and every copy. It stops at the first byte that cannot be
 * copied; it returns the number of bytes copied; and each iterator has advanced by exactly that
 * number. So the same call again retries at the bad byte, and mcsafe_iter_advance() or
 * mcsafe_iter_zero() goes past it.
 *
 *	flavour   is                       faults that are recovered        kernel's name
 *	UBUF      one range of memory      any                              ITER_UBUF
 *	IOVEC     struct iovec[]           any                              ITER_IOVEC
 *	BVEC      parts of mapped regions  any                              ITER_BVEC
 *	KVEC      struct iovec[], memory   reading it: any. Writing it:     ITER_KVEC
 *	          that the caller trusts   none, such a fault is a bug and
 *	                                   goes to the previous handler
 *	DISCARD   nothing; destination     (it is not accessed, nor is      ITER_DISCARD
 *	          only                     the source of the copy)
 *	FD        a file, pipe or socket   (errors of the descriptor are    -
 *	                                   reported like a fault)
 *
 * Common to all functions:
 *   - An iterator must not be NULL. It holds no resource: it may be copied by assignment, and
 *     dropped at any time. Nothing is allocated.
 *   - One that is zeroed, or whose initialisation failed, is empty: its count is 0, a copy to or
 *     from it copies nothing, and only 0 can be advanced, reverted or re-expanded.
 *   - The arrays (struct iovec[], struct mcsafe_bvec[], struct mcsafe_region) must be ordinary
 *     readable memory. They are referred to, not copied: they must stay as they are until the
 *     iterator is not used any more. The memory which they describe is not looked at before it
 *     is copied.
 *   - mcsafe_install() must have been called for faults to be recovered.
 *   - Control functions return 0 or a negative errno value; after a negative value nothing has
 *     changed unless the function says otherwise. No function changes errno.
 *   - MT-Safe for different iterators; one iterator must not be used by two threads at once.
 *     AS-Safe. No lock, no allocation, and no system call but those of flavour FD.
 *   - Source of the semantics: the Linux kernel's struct iov_iter, its copy_to_iter_mcsafe()
 *     (4.18 to 5.9) and copy_mc_to_iter() since, which do not agree with each other about KVEC
 *     and BVEC after a short copy; here all flavours follow the rule above.
 */
#ifndef MCSAFE_ITER_H
#define MCSAFE_ITER_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <mcsafe/compiler.h>
#include <mcsafe/fault.h>

MCSAFE_BEGIN_DECLS

/** A mapping, or any other range of memory, in which segments of flavour BVEC lie. */
struct mcsafe_region {
	void *base; /**< first byte */
	size_t len; /**< bytes; base + len must not exceed UINTPTR_MAX */
};

/** One segment of flavour BVEC: region->base[offset .. offset + len). */
struct mcsafe_bvec {
	const struct mcsafe_region *region; /**< may be NULL if len is 0 */
	size_t offset;                      /**< bytes; 0 .. region->len */
	size_t len;                         /**< bytes; 0 .. region->len - offset */
};

/**
 * An iterator. Lives where the caller puts it, the stack as a rule. All members are private:
 * they may change their meaning in any release. Use the functions.
 */
struct mcsafe_iter {
	unsigned char flavour;
	unsigned char side;
	int error;
	int fd;
	size_t pos;   /* bytes done since the initialisation */
	size_t end;   /* pos + count */
	size_t total; /* bytes in all segments: the most that end can be */
	union {
		void *buf;
		const struct iovec *iov;
		const struct mcsafe_bvec *bvec;
		off_t offset;
	} of;
	size_t nr_segs;
	size_t seg;        /* the segment that holds pos */
	size_t seg_offset; /* and where in it */
	void *reserved[6];
};

/**
 * A position that can be returned to. Written by mcsafe_iter_save(), read by
 * mcsafe_iter_restore(). The member is private.
 */
struct mcsafe_iter_state {
	struct mcsafe_iter saved;
};

/**
 * Begin an iterator over one range of memory.
 *
 * @param[out] it   The iterator. Empty after a failure.
 * @param      side MCSAFE_SIDE_SOURCE: bytes will be copied from it; MCSAFE_SIDE_DESTINATION: to
 *                  it.
 * @param      buf  The range. May be unmapped, protected, truncated or poisoned. A source is never
 *                  written. NULL is an address like any other, which faults when it is accessed.
 * @param      n    Its length in bytes, 0 .. SSIZE_MAX; the iterator's count.
 *
 * @return 0        done.
 *         -EINVAL  side is neither; n is more than SSIZE_MAX; or buf + n exceeds UINTPTR_MAX.
 *
 * @par Safety      MT-Safe for different iterators, AS-Safe.
 * @par Cost        Constant.
 * @since 0.1       @see mcsafe_iter_iovec()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_iter_ubuf(struct mcsafe_iter *it, enum mcsafe_side side,
						 void *buf, size_t n) MCSAFE_NOEXCEPT;

/**
 * Begin an iterator over an array of segments, as readv(2) and writev(2) take it.
 *
 * @param[out] it       The iterator. Empty after a failure.
 * @param      side     MCSAFE_SIDE_SOURCE or MCSAFE_SIDE_DESTINATION.
 * @param[in]  iov      The segments, in the order of their bytes. Segments of length 0 may stand
 *                      anywhere; they are passed over, whatever their address. Segments may
 *                      overlap: a source then gives bytes twice, in a destination the later
 *                      bytes win. NULL is allowed when nr_segs is 0.
 * @param      nr_segs  How many. There is no upper limit; IOV_MAX is one of system calls only.
 * @param      count    The most bytes to use. More than the segments hold, SIZE_MAX for example,
 *                      means all of them.
 *
 * @return 0            done; the count is the smaller of count and the sum of all lengths.
 *         -EINVAL      side is neither; iov is NULL with nr_segs not 0; nr_segs exceeds what an
 *                      array can have; a segment's base + length exceeds UINTPTR_MAX; or the sum
 *                      of all lengths exceeds SSIZE_MAX (as readv(2) has it, whatever count is).
 *
 * @par Safety          MT-Safe for different iterators, AS-Safe.
 * @par Cost            Reads the array once.
 * @since 0.1           @see mcsafe_iter_kvec(), mcsafe_iter_bvec(), mcsafe_iter_to_iovec()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_iter_iovec(struct mcsafe_iter *it, enum mcsafe_side side,
						  const struct iovec *iov, size_t nr_segs,
						  size_t count) MCSAFE_NOEXCEPT;

/**
 * Begin an iterator over segments of memory that the caller trusts.
 *
 * As mcsafe_iter_iovec(), but for one thing: a fault when a copy writes to such memory is held to
 * be a bug in the program, and not an error to report. The byte is written once more by an
 * ordinary store, so that the fault reaches the handler that was there before mcsafe_install(),
 * or kills the process. If that handler repairs the mapping and returns, the copy goes on.
 * Faults when such memory is read are recovered: a byte that has faulted is never read again,
 * and poison can turn up in any memory.
 *
 * @param[out] it       As for mcsafe_iter_iovec().
 * @param      side     As for mcsafe_iter_iovec().
 * @param[in]  iov      As for mcsafe_iter_iovec().
 * @param      nr_segs  As for mcsafe_iter_iovec().
 * @param      count    As for mcsafe_iter_iovec().
 * @return              As for mcsafe_iter_iovec().
 *
 * @par Safety          MT-Safe for different iterators, AS-Safe.
 * @par Cost            Reads the array once.
 * @since 0.1           @see mcsafe_iter_iovec()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_iter_kvec(struct mcsafe_iter *it, enum mcsafe_side side,
						 const struct iovec *iov, size_t nr_segs,
						 size_t count) MCSAFE_NOEXCEPT;

/**
 * Begin an iterator over parts of mapped regions.
 *
 * Each segment is checked against the region in which it lies, here and now: a copy cannot leave
 * the regions. Faults on either side are recovered, as for mcsafe_iter_iovec().
 *
 * @param[out] it       The iterator. Empty after a failure.
 * @param      side     MCSAFE_SIDE_SOURCE or MCSAFE_SIDE_DESTINATION.
 * @param[in]  bvec     The segments, in the order of their bytes; otherwise as for
 *                      mcsafe_iter_iovec(). Several may refer to one region.
 * @param      nr_segs  How many; no upper limit.
 * @param      count    The most bytes to use; more than the segments hold means all of them.
 *
 * @return 0            done; the count is the smaller of count and the sum of all lengths.
 *         -EINVAL      side is neither; bvec is NULL with nr_segs not 0; nr_segs exceeds what an
 *                      array can have; a region is NULL with a length that is not 0; a segment
 *                      begins or ends outside its region; a region's base + len exceeds
 *                      UINTPTR_MAX; or the sum of all lengths exceeds SSIZE_MAX.
 *
 * @par Safety          MT-Safe for different iterators, AS-Safe.
 * @par Cost            Reads the array and the regions once.
 * @since 0.1           @see mcsafe_iter_iovec()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_iter_bvec(struct mcsafe_iter *it, enum mcsafe_side side,
						 const struct mcsafe_bvec *bvec, size_t nr_segs,
						 size_t count) MCSAFE_NOEXCEPT;

/**
 * Begin an iterator that takes bytes and drops them.
 *
 * A copy to it counts as done without any access: the source is not read, so that bytes which
 * cannot be read count as well.
 *
 * @param[out] it   The iterator. Empty after a failure.
 * @param      side MCSAFE_SIDE_DESTINATION; nothing can be copied from such an iterator.
 * @param      n    The bytes it takes, 0 .. SSIZE_MAX; the iterator's count.
 *
 * @return 0        done.
 *         -EINVAL  side is not MCSAFE_SIDE_DESTINATION, or n is more than SSIZE_MAX.
 *
 * @par Safety      MT-Safe for different iterators, AS-Safe.
 * @par Cost        Constant, and so is a copy to it.
 * @since 0.1       @see mcsafe_iter_advance()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_iter_discard(struct mcsafe_iter *it, enum mcsafe_side side,
						    size_t n) MCSAFE_NOEXCEPT;

/**
 * Begin an iterator over a file, a pipe or a socket.
 *
 * Bytes travel through a small buffer on the stack: they are first copied there under
 * protection, and then given to the system. So a fault in the memory of the other side makes a
 * short count that is exact to the byte, where write(2) from bad memory reports EFAULT, or
 * writes part of a page, or nothing of a page, as the file system or pipe pleases.
 *
 * @param[out] it     The iterator. Empty after a failure.
 * @param      side   MCSAFE_SIDE_DESTINATION: a sink, written by write(2) or pwrite(2);
 *                    MCSAFE_SIDE_SOURCE: read by pread(2).
 * @param      fd     The descriptor, 0 .. INT_MAX. Not looked at before the first copy; not
 *                    closed, ever.
 * @param      offset 0 .. the largest off_t: the place in the file where the iterator begins; the
 *                    file's own position is neither used nor moved. A file that was opened with
 *                    O_APPEND takes the bytes at its end nevertheless, see pwrite(2).
 *                    -1: a stream; the bytes go where write(2) puts them. Destinations only.
 * @param      n      The most bytes to write or read, 0 .. SSIZE_MAX; the iterator's count.
 *
 * @return 0          done.
 *         -EINVAL    side is neither; n is more than SSIZE_MAX; offset is less than -1; or
 *                    offset + n exceeds the largest off_t.
 *         -EBADF     fd is negative.
 *         -ESPIPE    a source with offset -1: bytes taken out of a stream could not be put back
 *                    when the destination takes fewer of them.
 *
 * A stream does not go back and does not skip: mcsafe_iter_advance(), mcsafe_iter_revert() and
 * mcsafe_iter_restore() answer -ESPIPE if they would move it.
 *
 * When a copy stops because of the descriptor, mcsafe_iter_error() says why; the copy's result is
 * the number of bytes that the system has accepted (or, from a source, that the destination has
 * received). EINTR is never reported, the system call is repeated. -EAGAIN: a descriptor in
 * non-blocking mode; call again when it is ready. -ENODATA: a source at its end of file. -EIO:
 * what write(2) says, or it accepted no byte and gave no reason. Anything else is what write(2),
 * pwrite(2) or pread(2) reported. A write to a pipe or socket without a reader raises SIGPIPE, as
 * ever; -EPIPE is reported if the program ignores that signal. On a socket with message
 * boundaries each message is a piece of at most 8 KiB.
 *
 * @par Safety        MT-Safe for different iterators, AS-Safe. A cancellation point, as write(2) and pread(2) are.
 * @par Cost          One system call for every 8 KiB at most, however small the segments of the
 *                    other side. About 8.5 KiB of stack, and 17 KiB between two such iterators.
 * @since 0.1         @see mcsafe_iter_error(), mcsafe_iter_to_iter()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_iter_fd(struct mcsafe_iter *it, enum mcsafe_side side,
					       int fd, off_t offset, size_t n);

/**
 * Copy bytes from memory to an iterator, surviving memory that cannot be read or written.
 *
 * @param[in]     addr  The source. May be unmapped, protected, truncated or poisoned. Any
 *                      alignment. Must not overlap the memory of the iterator.
 * @param         n     Bytes to copy, 0..SIZE_MAX; more than the iterator's count means the count.
 *                      0 touches nothing, and addr may then be anything.
 * @param[in,out] it    A destination. Advanced by the bytes copied.
 * @param[out]    fault Receives what stopped the copy; NULL if not wanted. Written if and only if
 *                      the copy stopped at a memory fault. Must be writable memory that does not
 *                      overlap addr, the iterator, its arrays or its memory.
 *
 * @return The number of bytes COPIED, 0..n (mcsafe_memcpy() counts the others):
 *         n        all of them.
 *         less     in this order: the iterator's count came to its end; or the copy stopped,
 *                  and mcsafe_iter_error() says why. fault->side SOURCE: the byte at
 *                  addr + result cannot be read. DESTINATION: the byte at which the iterator now
 *                  stands cannot be written. The bytes before have arrived, nothing after them
 *                  has been changed. How exact this is when a machine check is raised by this
 *                  very copy: see mcsafe_memcpy().
 *         0        also if the iterator is a source (mcsafe_iter_error(): -EINVAL), or if
 *                  addr + n, n being limited to the count, exceeds UINTPTR_MAX (refused before
 *                  anything is touched: cause ADDRESS, side SOURCE, signo 0). A destination of
 *                  flavour DISCARD is not concerned by the latter.
 *
 * @par Poison   As mcsafe_memcpy(): a source line that raised a fault is not read again.
 * @par Safety   MT-Safe for different iterators, AS-Safe.
 * @par Cost     A call of mcsafe_memcpy() and a few nanoseconds for each segment.
 * @since 0.1    @see copy_to_iter_mcsafe(), mcsafe_copy_from_iter(), mcsafe_iter_error()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_copy_to_iter(const void *addr, size_t n,
						       struct mcsafe_iter *it,
						       struct mcsafe_fault *fault);

/**
 * Copy bytes from memory to an iterator, surviving memory that cannot be read or written.
 *
 * mcsafe_copy_to_iter() with no fault record: the signature and the meaning of the Linux
 * kernel's function of this name.
 *
 * @param[in]     addr  As for mcsafe_copy_to_iter().
 * @param         n     As for mcsafe_copy_to_iter().
 * @param[in,out] it    As for mcsafe_copy_to_iter().
 * @return              The number of bytes COPIED, as for mcsafe_copy_to_iter().
 *
 * @par Safety          MT-Safe for different iterators, AS-Safe.
 * @since 0.1           @see mcsafe_copy_to_iter()
 */
MCSAFE_API MCSAFE_NODISCARD size_t copy_to_iter_mcsafe(const void *addr, size_t n,
						       struct mcsafe_iter *it);

/**
 * Copy bytes from an iterator to memory, surviving memory that cannot be read or written.
 *
 * @param[out]    addr  The destination. May be unmapped, read-only, truncated or poisoned. Any
 *                      alignment. Must not overlap the memory of the iterator.
 * @param         n     Bytes to copy, 0..SIZE_MAX; more than the iterator's count means the count.
 * @param[in,out] it    A source. Advanced by the bytes copied.
 * @param[out]    fault As for mcsafe_copy_to_iter().
 *
 * @return The number of bytes COPIED, 0..n, as for mcsafe_copy_to_iter() with the sides changed:
 *         addr[0 .. result) holds the iterator's bytes, addr[result .. n) is as it was before.
 *         fault->side SOURCE: the byte at which the iterator now stands cannot be read.
 *         0 also if the iterator is a destination (mcsafe_iter_error(): -EINVAL), or if addr + n
 *         exceeds UINTPTR_MAX (cause ADDRESS, side DESTINATION, signo 0).
 *
 * @par Safety   MT-Safe for different iterators, AS-Safe.
 * @par Cost     As for mcsafe_copy_to_iter().
 * @since 0.1    @see mcsafe_copy_from_iter_flushcache(), mcsafe_copy_to_iter()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_copy_from_iter(void *addr, size_t n,
							 struct mcsafe_iter *it,
							 struct mcsafe_fault *fault);

/**
 * Copy bytes from an iterator to persistent memory, past the caches.
 *
 * mcsafe_copy_from_iter() whose stores are those of mcsafe_memcpy_flushcache().
 *
 * @param[out]    addr  As for mcsafe_copy_from_iter(); a mapping of persistent memory as a rule.
 * @param         n     As for mcsafe_copy_from_iter().
 * @param[in,out] it    As for mcsafe_copy_from_iter().
 * @param[out]    fault As for mcsafe_copy_from_iter().
 * @return              The number of bytes COPIED, as for mcsafe_copy_from_iter(). When they are
 *                      durable is said by mcsafe_memcpy_flushcache().
 *
 * @par Safety          MT-Safe for different iterators, AS-Safe.
 * @par Cost            A call of mcsafe_memcpy_flushcache() for each segment.
 * @since 0.1           @see mcsafe_copy_from_iter(), mcsafe_memcpy_flushcache()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_copy_from_iter_flushcache(void *addr, size_t n,
								    struct mcsafe_iter *it,
								    struct mcsafe_fault *fault);

/**
 * Fill an iterator with zeros, surviving memory that cannot be written.
 *
 * @param         n     Bytes to write, 0..SIZE_MAX; more than the iterator's count means the count.
 * @param[in,out] it    A destination. Advanced by the bytes written.
 * @param[out]    fault As for mcsafe_copy_to_iter(); the side is always DESTINATION.
 *
 * @return The number of bytes that are now zero, 0..n, as for mcsafe_copy_to_iter(). 0 also if the
 *         iterator is a source (mcsafe_iter_error(): -EINVAL).
 *
 * @par Safety   MT-Safe for different iterators, AS-Safe.
 * @par Cost     A call of mcsafe_memset() for each segment.
 * @since 0.1    @see mcsafe_copy_to_iter(), mcsafe_memset()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_iter_zero(size_t n, struct mcsafe_iter *it,
						    struct mcsafe_fault *fault);

/**
 * Copy bytes from one iterator to another, surviving memory that cannot be read or written.
 *
 * @param[in,out] dst   A destination of any flavour. Advanced by the bytes copied.
 * @param[in,out] src   A source of any flavour. Advanced by the bytes copied. Their memory must
 *                      not overlap.
 * @param         n     Bytes to copy, 0..SIZE_MAX; more than either count means the smaller count.
 * @param[out]    fault As for mcsafe_copy_to_iter(). Must not overlap anything of src either.
 *
 * @return The number of bytes COPIED, 0..n, by which both have advanced. Less than n: one count
 *         came to its end, or the copy stopped; mcsafe_iter_error() says why, on both. 0 also if
 *         dst is a source or src is a destination (mcsafe_iter_error(): -EINVAL, on both).
 *         When dst is of flavour FD and fails, nothing of fault is written even if the memory of
 *         src is bad further on.
 *
 * @par Safety   MT-Safe for different iterators, AS-Safe.
 * @par Cost     As for mcsafe_copy_to_iter(), for each piece that is in one segment of both.
 * @since 0.1    @see mcsafe_copy_to_iter(), mcsafe_iter_fd()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_iter_to_iter(struct mcsafe_iter *dst,
						       struct mcsafe_iter *src, size_t n,
						       struct mcsafe_fault *fault);

/**
 * Ask why the latest copy to or from an iterator stopped.
 *
 * @param[in] it  Any iterator.
 *
 * @return 0      it did not stop: it copied all that was asked for or all that was left. Also if
 *                there was no copy yet.
 *         -EINVAL     the iterator was used on the wrong side.
 *         -EHWPOISON, -EIO, -EFAULT   a memory fault, on either side; -mcsafe_fault_errno() of the
 *                     record.
 *         others      an error of the descriptor, see mcsafe_iter_fd().
 *
 * @par Safety    MT-Safe for different iterators, AS-Safe.
 * @since 0.1     @see mcsafe_fault_errno()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_iter_error(const struct mcsafe_iter *it) MCSAFE_NOEXCEPT;

/**
 * Get the number of bytes that are left.
 *
 * @param[in] it  Any iterator.
 * @return        The bytes between the present position and the end, 0 .. SSIZE_MAX.
 *
 * @par Safety    MT-Safe for different iterators, AS-Safe.
 * @par Cost      Constant.
 * @since 0.1     @see mcsafe_iter_truncate()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_iter_count(const struct mcsafe_iter *it) MCSAFE_NOEXCEPT;

/**
 * Get the number of bytes that are left in the present segment.
 *
 * @param[in] it  Any iterator.
 * @return        The length of the next piece that is not empty, not more than the count. For
 *                UBUF, DISCARD and FD: the count. 0 if and only if the count is 0.
 *
 * @par Safety    MT-Safe for different iterators, AS-Safe.
 * @par Cost      Passes over empty segments.
 * @since 0.1     @see mcsafe_iter_nr_segs()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_iter_single_seg_count(const struct mcsafe_iter *it)
	MCSAFE_NOEXCEPT;

/**
 * Get the number of segments that are left.
 *
 * @param[in] it  Any iterator.
 * @return        How many segments, or parts of them, hold the bytes that are left: the number of
 *                entries that mcsafe_iter_to_iovec() would fill, given the room. Empty segments
 *                do not count. DISCARD and FD have no segments: 0.
 *
 * @par Safety    MT-Safe for different iterators, AS-Safe.
 * @par Cost      Reads the segments that are left.
 * @since 0.1     @see mcsafe_iter_to_iovec()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_iter_nr_segs(const struct mcsafe_iter *it)
	MCSAFE_NOEXCEPT;

/**
 * Skip bytes.
 *
 * @param[in,out] it  Any iterator.
 * @param         n   Bytes, 0 .. the count. The memory is not accessed.
 *
 * @return 0          done; the count is less by n.
 *         -EINVAL    n is more than the count.
 *         -ESPIPE    a stream, see mcsafe_iter_fd(), and n is not 0.
 *
 * @par Safety        MT-Safe for different iterators, AS-Safe.
 * @par Cost          Passes over the segments that are skipped.
 * @since 0.1         @see mcsafe_iter_revert()
 */
MCSAFE_API int mcsafe_iter_advance(struct mcsafe_iter *it, size_t n) MCSAFE_NOEXCEPT;

/**
 * Go back.
 *
 * @param[in,out] it  Any iterator.
 * @param         n   Bytes, 0 .. what has been copied and skipped since the initialisation. What
 *                    was copied stays copied.
 *
 * @return 0          done; the count is more by n.
 *         -EINVAL    that is before the beginning.
 *         -ESPIPE    a stream, see mcsafe_iter_fd(), and n is not 0.
 *
 * @par Safety        MT-Safe for different iterators, AS-Safe.
 * @par Cost          Passes over the segments, backwards.
 * @since 0.1         @see mcsafe_iter_advance(), mcsafe_iter_save()
 */
MCSAFE_API int mcsafe_iter_revert(struct mcsafe_iter *it, size_t n) MCSAFE_NOEXCEPT;

/**
 * Limit the number of bytes that are left.
 *
 * @param[in,out] it  Any iterator.
 * @param         n   The count will be n, if it is more; otherwise nothing changes.
 *
 * @par Safety        MT-Safe for different iterators, AS-Safe.
 * @par Cost          Constant.
 * @since 0.1         @see mcsafe_iter_reexpand()
 */
MCSAFE_API void mcsafe_iter_truncate(struct mcsafe_iter *it, size_t n) MCSAFE_NOEXCEPT;

/**
 * Take a limit back.
 *
 * @param[in,out] it  Any iterator.
 * @param         n   The new count. After truncating from a to b and copying c, a - c restores
 *                    what was there.
 *
 * @return 0          done.
 *         -EINVAL    n is more than the segments hold from the present position on (for UBUF,
 *                    DISCARD and FD: more than was given at the initialisation, less what has
 *                    been done).
 *
 * @par Safety        MT-Safe for different iterators, AS-Safe.
 * @par Cost          Constant.
 * @since 0.1         @see mcsafe_iter_truncate()
 */
MCSAFE_API int mcsafe_iter_reexpand(struct mcsafe_iter *it, size_t n) MCSAFE_NOEXCEPT;

/**
 * Remember position and count.
 *
 * @param[in]  it     Any iterator.
 * @param[out] state  What mcsafe_iter_restore() needs.
 *
 * @par Safety        MT-Safe for different iterators, AS-Safe.
 * @par Cost          Constant.
 * @since 0.1         @see mcsafe_iter_restore()
 */
MCSAFE_API void mcsafe_iter_save(const struct mcsafe_iter *it, struct mcsafe_iter_state *state)
	MCSAFE_NOEXCEPT;

/**
 * Return to a position and count that were remembered.
 *
 * @param[in,out] it     The iterator that was saved, or a copy of it.
 * @param[in]     state  From mcsafe_iter_save(); may be used again.
 *
 * @return 0          done.
 *         -EINVAL    the state is one of an iterator over something else.
 *         -ESPIPE    a stream, see mcsafe_iter_fd(), which has moved since.
 *
 * @par Safety        MT-Safe for different iterators, AS-Safe.
 * @par Cost          Constant.
 * @since 0.1         @see mcsafe_iter_save(), mcsafe_iter_revert()
 */
MCSAFE_API int mcsafe_iter_restore(struct mcsafe_iter *it, const struct mcsafe_iter_state *state)
	MCSAFE_NOEXCEPT;

/**
 * Count the pages of 4096 bytes that hold what is left.
 *
 * @param[in] it        Any iterator.
 * @param     maxpages  The result is not more than this; counting ends there.
 *
 * @return              Pages, each segment counted for itself: a page that holds the end of one
 *                      and the beginning of the next counts twice. DISCARD and FD: 0.
 *
 * @par Safety          MT-Safe for different iterators, AS-Safe.
 * @par Cost            Reads the segments that are left.
 * @since 0.1           @see mcsafe_iter_alignment()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_iter_npages(const struct mcsafe_iter *it, size_t maxpages)
	MCSAFE_NOEXCEPT;

/**
 * Get the alignment of what is left.
 *
 * @param[in] it  Any iterator.
 * @return        The addresses and the lengths of all pieces ORed together: all are multiples of
 *                2^k if and only if the result is. 0 if nothing is left, and for DISCARD and FD.
 *
 * @par Safety    MT-Safe for different iterators, AS-Safe.
 * @par Cost      Reads the segments that are left.
 * @since 0.1     @see mcsafe_iter_gap_alignment()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_iter_alignment(const struct mcsafe_iter *it)
	MCSAFE_NOEXCEPT;

/**
 * Get the alignment of the places where one segment ends and the next begins.
 *
 * @param[in] it  Any iterator.
 * @return        All inner addresses ORed together: the end of each piece but the last, and the
 *                start of each but the first. A device that needs whole blocks of 2^k bytes in
 *                between can take the pieces if the result is a multiple of 2^k. 0 if fewer than
 *                two pieces are left, and for DISCARD and FD.
 *
 * @par Safety    MT-Safe for different iterators, AS-Safe.
 * @par Cost      Reads the segments that are left.
 * @since 0.1     @see mcsafe_iter_alignment()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_iter_gap_alignment(const struct mcsafe_iter *it)
	MCSAFE_NOEXCEPT;

/**
 * Write what is left as a plain array, for readv(2), writev(2), preadv(2) and the like.
 *
 * The iterator does not move: call mcsafe_iter_advance() with what the system call has done.
 *
 * @param[in]  it    Any iterator.
 * @param[out] iov   Receives the pieces, none of them empty, in order. Must not be the array of
 *                   the iterator. NULL is allowed when room is 0.
 * @param      room  Entries that iov has; IOV_MAX is the most that a system call takes.
 *
 * @return           Entries written, 0..room. They describe the first bytes of what is left: all of
 *                   them if the result is mcsafe_iter_nr_segs(). DISCARD and FD: 0.
 *
 * @par Safety       MT-Safe for different iterators, AS-Safe.
 * @par Cost         Reads as many segments as are written.
 * @since 0.1        @see mcsafe_iter_nr_segs(), mcsafe_iter_advance()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_iter_to_iovec(const struct mcsafe_iter *it,
							struct iovec *iov, size_t room)
	MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_ITER_H */
