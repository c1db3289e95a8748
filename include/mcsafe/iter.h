/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iter.h - iterators: scatter and gather over memory that can fail
 *
 * A struct mcsafe_iter is a position in a list of segments. It holds its side of a copy (source
 * or destination), the kind of its segments (its flavour) and the number of bytes that are left
 * (its count). The copies below move bytes between an iterator and plain memory, or between two
 * iterators:
 *
 *	struct mcsafe_iter it;
 *	struct mcsafe_fault fault;
 *	size_t got;
 *
 *	if (mcsafe_iter_iovec(&it, MCSAFE_SIDE_DESTINATION, iov, 3, SIZE_MAX) != 0)
 *		return -EINVAL;
 *	got = mcsafe_copy_to_iter(pmem, len, &it, &fault);
 *	if (got < len && mcsafe_iter_error(&it) != 0)
 *		...				fault.side == MCSAFE_SIDE_SOURCE: pmem + got is bad
 *
 * Every copy follows one rule, whatever the flavour:
 *
 *   - The copy stops at the first byte that cannot be copied.
 *   - The result is the number of bytes copied.
 *   - Each iterator advances by exactly that number.
 *
 * Therefore the same call, made again, starts at the bad byte. mcsafe_iter_advance() and
 * mcsafe_iter_zero() move past it.
 *
 *	flavour   segments                 faults that are recovered        kernel's name
 *	UBUF      one range of memory      all                              ITER_UBUF
 *	IOVEC     struct iovec[]           all                              ITER_IOVEC
 *	BVEC      parts of mapped regions  all                              ITER_BVEC
 *	KVEC      struct iovec[], memory   reads: all. Writes: none; such   ITER_KVEC
 *	          that the caller trusts   a fault is a bug and goes to
 *	                                   the previous handler
 *	DISCARD   none; destination only   none: neither the iterator nor   ITER_DISCARD
 *	                                   the source is accessed
 *	FD        a file, pipe or socket   none in the descriptor: its      -
 *	                                   errors stop the copy like a
 *	                                   fault
 *
 * Common to all functions:
 *   - A pointer to an iterator must not be NULL. An iterator holds no resource and nothing is
 *     allocated, so it may be copied by assignment and abandoned at any time.
 *   - An iterator that is all zeros, or whose initialisation failed, is empty: its count is 0,
 *     copies to or from it copy nothing, and it can be advanced, reverted or re-expanded by 0 only.
 *   - The arrays (struct iovec[], struct mcsafe_bvec[], struct mcsafe_region) must be ordinary
 *     readable memory. The iterator keeps pointers to the arrays, so the arrays must stay valid and
 *     unchanged while the iterator is in use. The memory that the arrays describe is not accessed
 *     before it is copied.
 *   - Faults are recovered only after mcsafe_install() was called, or if a handler of the program
 *     calls mcsafe_handle_signal().
 *   - Control functions return 0 or a negative errno value. After a negative value nothing has
 *     changed, unless the function says otherwise. No function changes errno.
 *   - MT-Safe for different iterators: two threads must not use one iterator at the same time.
 *     AS-Safe. The functions take no lock, do not allocate, and make no system call except the
 *     reads and writes of flavour FD.
 *   - Source of the semantics: the Linux kernel's struct iov_iter, its copy_to_iter_mcsafe()
 *     (4.18 to 5.9) and its successor copy_mc_to_iter(). Those two functions treat KVEC and BVEC
 *     differently after a short copy. Here all flavours follow the rule above.
 */
#ifndef MCSAFE_ITER_H
#define MCSAFE_ITER_H

#include <mcsafe/compiler.h>

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <mcsafe/fault.h>

MCSAFE_BEGIN_DECLS

/** A mapping, or another range of memory, that holds segments of flavour BVEC. */
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
 * An iterator. The caller provides its memory, usually on the stack. All members are private: their
 * meaning may change in any release. Use the functions.
 */
struct mcsafe_iter {
	unsigned char flavour;
	unsigned char side;
	int error;
	int fd;
	size_t pos;   /* bytes copied and skipped since the initialisation */
	size_t end;   /* pos + count */
	size_t total; /* bytes in all segments: the upper limit of end */
	union {
		void *buf;
		const struct iovec *iov;
		const struct mcsafe_bvec *bvec;
		off_t offset;
	} of;
	size_t nr_segs;
	size_t seg;        /* index of the segment that holds pos */
	size_t seg_offset; /* offset of pos in that segment */
	void *reserved[6];
};

/**
 * A saved position and count. Written by mcsafe_iter_save(), read by mcsafe_iter_restore(). The
 * member is private.
 */
struct mcsafe_iter_state {
	struct mcsafe_iter saved;
};

/**
 * Begin an iterator over one range of memory.
 *
 * @param[out] it   The iterator. Empty after a failure.
 * @param      side MCSAFE_SIDE_SOURCE: bytes will be copied from the range.
 *                  MCSAFE_SIDE_DESTINATION: bytes will be copied to it.
 * @param      buf  The range. May be unmapped, protected, truncated or poisoned. A source is never
 *                  written. NULL is an address like any other: accessing it faults.
 * @param      n    Length of the range in bytes, 0 .. SSIZE_MAX. Becomes the iterator's count.
 *
 * @return 0        Success.
 *         -EINVAL  side is neither of the two; n exceeds SSIZE_MAX; or buf + n exceeds UINTPTR_MAX.
 *
 * @par Safety      MT-Safe for different iterators, AS-Safe.
 * @par Cost        Constant.
 * @since 0.1       @see mcsafe_iter_iovec()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_iter_ubuf(struct mcsafe_iter *it, enum mcsafe_side side,
						 void *buf, size_t n) MCSAFE_NOEXCEPT;

/**
 * Begin an iterator over an array of segments, like that of readv(2) and writev(2).
 *
 * @param[out] it       The iterator. Empty after a failure.
 * @param      side     MCSAFE_SIDE_SOURCE or MCSAFE_SIDE_DESTINATION.
 * @param[in]  iov      The segments, in the order of their bytes. Segments of length 0 are allowed
 *                      anywhere and are ignored, whatever their address. Segments may overlap: an
 *                      overlapped byte of a source is copied twice; in a destination the byte that
 *                      is written last stays. NULL is allowed when nr_segs is 0.
 * @param      nr_segs  Number of segments. There is no upper limit: IOV_MAX applies to system
 *                      calls only.
 * @param      count    Maximum number of bytes to use. If count exceeds the sum of all lengths
 *                      (for example SIZE_MAX), all bytes are used.
 *
 * @return 0            Success. The iterator's count is the smaller of count and the sum of all
 *                      lengths.
 *         -EINVAL      side is neither of the two; iov is NULL and nr_segs is not 0; nr_segs
 *                      exceeds PTRDIFF_MAX / sizeof(struct iovec); base + length of a segment
 *                      exceeds UINTPTR_MAX; or the sum of all lengths exceeds SSIZE_MAX, even if
 *                      count is smaller (the rule of readv(2)).
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
 * Like mcsafe_iter_iovec(), with one difference: if a copy faults while it writes to such memory,
 * that is a bug in the program and not an error to report. The copy stores the byte once more, with
 * an ordinary store, so that the fault reaches the handler that was installed before
 * mcsafe_install(), or kills the process. If that handler repairs the mapping and returns, the
 * copy continues.
 *
 * Faults while a copy reads such memory are recovered. Poison can appear in any memory, and a byte
 * that has faulted must never be read again.
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
 * This function checks that each segment lies inside its region. Therefore a copy cannot access
 * memory outside the regions. Faults are recovered on either side, as for mcsafe_iter_iovec().
 *
 * @param[out] it       The iterator. Empty after a failure.
 * @param      side     MCSAFE_SIDE_SOURCE or MCSAFE_SIDE_DESTINATION.
 * @param[in]  bvec     The segments, in the order of their bytes. Several segments may refer to
 *                      one region. Otherwise as for iov of mcsafe_iter_iovec().
 * @param      nr_segs  Number of segments. There is no upper limit.
 * @param      count    Maximum number of bytes to use. If count exceeds the sum of all lengths,
 *                      all bytes are used.
 *
 * @return 0            Success. The iterator's count is the smaller of count and the sum of all
 *                      lengths.
 *         -EINVAL      side is neither of the two; bvec is NULL and nr_segs is not 0; nr_segs
 *                      exceeds PTRDIFF_MAX / sizeof(struct mcsafe_bvec); the region of a segment
 *                      is NULL and its length is not 0; a segment begins or ends outside its
 *                      region; base + len of a region exceeds UINTPTR_MAX; or the sum of all
 *                      lengths exceeds SSIZE_MAX.
 *
 * @par Safety          MT-Safe for different iterators, AS-Safe.
 * @par Cost            Reads the array and the regions once.
 * @since 0.1           @see mcsafe_iter_iovec()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_iter_bvec(struct mcsafe_iter *it, enum mcsafe_side side,
						 const struct mcsafe_bvec *bvec, size_t nr_segs,
						 size_t count) MCSAFE_NOEXCEPT;

/**
 * Begin an iterator that drops the bytes that are copied to it.
 *
 * A copy to this iterator succeeds without accessing any memory. Because the source is not read,
 * bytes that cannot be read count as copied too.
 *
 * @param[out] it   The iterator. Empty after a failure.
 * @param      side MCSAFE_SIDE_DESTINATION. Nothing can be copied from such an iterator.
 * @param      n    Number of bytes to accept, 0 .. SSIZE_MAX. Becomes the iterator's count.
 *
 * @return 0        Success.
 *         -EINVAL  side is not MCSAFE_SIDE_DESTINATION, or n exceeds SSIZE_MAX.
 *
 * @par Safety      MT-Safe for different iterators, AS-Safe.
 * @par Cost        Constant. A copy to the iterator also takes constant time.
 * @since 0.1       @see mcsafe_iter_advance()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_iter_discard(struct mcsafe_iter *it, enum mcsafe_side side,
						    size_t n) MCSAFE_NOEXCEPT;

/**
 * Begin an iterator over a file, a pipe or a socket.
 *
 * Copies go through a small buffer on the stack. If the iterator is the destination, the copy fills
 * the buffer as mcsafe_memcpy() does, and then passes the buffer to the system. Therefore a fault
 * in the memory of the other side leads to a short count that is exact to the byte. A plain
 * write(2) of bad memory is not exact: it fails with EFAULT, or writes a part of a page or nothing
 * of the page, depending on the file system or pipe.
 *
 * @param[out] it     The iterator. Empty after a failure.
 * @param      side   MCSAFE_SIDE_DESTINATION: copies write with write(2) or pwrite(2).
 *                    MCSAFE_SIDE_SOURCE: copies read with pread(2).
 * @param      fd     The descriptor, 0 .. INT_MAX. This function does not check that fd is open:
 *                    the first copy reports that. No function closes fd.
 * @param      offset 0 .. the largest off_t: the offset in the file where the iterator begins. The
 *                    file's own position is neither used nor changed. If the file was opened with
 *                    O_APPEND, the bytes go to the end of the file, whatever the offset; see
 *                    pwrite(2).
 *                    -1: a stream. The bytes go where write(2) puts them. For destinations only.
 * @param      n      Maximum number of bytes to write or read, 0 .. SSIZE_MAX. Becomes the
 *                    iterator's count.
 *
 * @return 0          Success.
 *         -EINVAL    side is neither of the two; n exceeds SSIZE_MAX; offset is less than -1; or
 *                    offset + n exceeds the largest off_t.
 *         -EBADF     fd is negative.
 *         -ESPIPE    side is MCSAFE_SIDE_SOURCE and offset is -1. A stream cannot be a source: if
 *                    the destination accepted fewer bytes than were read from the stream, the rest
 *                    could not be put back.
 *
 * A stream can neither go back nor skip. mcsafe_iter_advance(), mcsafe_iter_revert() and
 * mcsafe_iter_restore() return -ESPIPE if they would have to move the stream.
 *
 * If the descriptor stops a copy, the result of the copy is the number of bytes that the system
 * accepted or, for a source, that the destination received. mcsafe_iter_error() then gives the
 * reason:
 *   -EAGAIN   The descriptor is in non-blocking mode. Copy again when the descriptor is ready.
 *   -ENODATA  A source is at the end of its file.
 *   -EIO      write(2) or pwrite(2) failed with EIO, or accepted no byte and gave no reason; or
 *             pread(2) failed with EIO.
 *   -EPIPE    A pipe or socket has no reader, and the program ignores SIGPIPE. If the program does
 *             not ignore SIGPIPE, the write raises it as usual.
 *   others    Errors of write(2), pwrite(2) or pread(2). Never -EINTR: the call is repeated.
 *
 * A socket that keeps message boundaries gets one message for each buffer of at most 4 KiB.
 *
 * @par Safety        MT-Safe for different iterators, AS-Safe. Copies to or from the iterator are
 *                    cancellation points, because write(2) and pread(2) are. The library holds
 *                    nothing when a thread is cancelled there; where the iterators stand is not
 *                    known then. mcsafe_pmem_read_iter() and mcsafe_pmem_write_iter() are no
 *                    cancellation points.
 * @par Cost          A copy makes about one system call for every 4 KiB, however small the segments
 *                    of the other side are. It uses about 4.5 KiB of stack.
 * @since 0.1         @see mcsafe_iter_error(), mcsafe_iter_to_iter()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_iter_fd(struct mcsafe_iter *it, enum mcsafe_side side,
					       int fd, off_t offset, size_t n);

/**
 * Copy bytes from memory to an iterator, surviving memory that cannot be read or written.
 *
 * @param[in]     addr  The source. May be unmapped, protected, truncated or poisoned. Any
 *                      alignment. Must not overlap the memory of the iterator.
 * @param         n     Number of bytes to copy, 0 .. SIZE_MAX. If n exceeds the iterator's count,
 *                      the count is used. If n is 0, nothing is accessed, and addr may be anything.
 * @param[in,out] it    A destination. Advances by the number of bytes copied.
 * @param[out]    fault Receives the fault that stopped the copy; NULL if not wanted. Written if
 *                      and only if a memory fault stopped the copy. Must be writable memory that
 *                      does not overlap addr, the iterator, its arrays or its memory.
 *
 * @return The number of bytes COPIED, 0 .. n (mcsafe_memcpy() returns the number NOT copied):
 *         n        All bytes were copied.
 *         less     The iterator's count was less than n, or the copy stopped. In the second case
 *                  mcsafe_iter_error() gives the reason. After a memory fault: if fault->side is
 *                  SOURCE, the byte at addr + result cannot be read. If it is DESTINATION, the
 *                  byte at the iterator's new position cannot be written. All bytes before the
 *                  bad one were copied; the other bytes of the destination are unchanged. See
 *                  mcsafe_memcpy() for how exact this is when the copy itself raises the machine
 *                  check.
 *         0        Also in two other cases. If the iterator is a source, mcsafe_iter_error()
 *                  returns -EINVAL. If addr + n exceeds UINTPTR_MAX, where n is at most the count,
 *                  nothing is accessed, and the record has cause ADDRESS, side SOURCE and signo 0.
 *                  Destinations of flavour DISCARD do not check addr + n.
 *
 * @par Poison   As for mcsafe_memcpy(): a source line that raised a fault is not read again.
 * @par Safety   MT-Safe for different iterators, AS-Safe.
 * @par Cost     One call of mcsafe_memcpy() and a few nanoseconds for each segment.
 * @since 0.1    @see copy_to_iter_mcsafe(), mcsafe_copy_from_iter(), mcsafe_iter_error()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_copy_to_iter(const void *addr, size_t n,
						       struct mcsafe_iter *it,
						       struct mcsafe_fault *fault);

/**
 * Copy bytes from memory to an iterator, surviving memory that cannot be read or written.
 *
 * Like mcsafe_copy_to_iter(), but without a fault record. Signature and meaning are those of the
 * Linux kernel's function of this name.
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
 * @param         n     Number of bytes to copy, 0 .. SIZE_MAX. If n exceeds the iterator's count,
 *                      the count is used. If n is 0, nothing is accessed, and addr may be anything.
 * @param[in,out] it    A source. Advances by the number of bytes copied.
 * @param[out]    fault As for mcsafe_copy_to_iter().
 *
 * @return The number of bytes COPIED, 0 .. n, as for mcsafe_copy_to_iter() with the sides
 *         exchanged: addr[0 .. result) holds the iterator's bytes, and addr[result .. n) is
 *         unchanged. If fault->side is SOURCE, the byte at the iterator's new position cannot be
 *         read. If it is DESTINATION, the byte at addr + result cannot be written. The result is
 *         also 0 if the iterator is a destination (mcsafe_iter_error() returns -EINVAL), and if
 *         addr + n exceeds UINTPTR_MAX (cause ADDRESS, side DESTINATION, signo 0).
 *
 * @par Safety   MT-Safe for different iterators, AS-Safe.
 * @par Cost     As for mcsafe_copy_to_iter().
 * @since 0.1    @see mcsafe_copy_from_iter_flushcache(), mcsafe_copy_to_iter()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_copy_from_iter(void *addr, size_t n,
							 struct mcsafe_iter *it,
							 struct mcsafe_fault *fault);

/**
 * Copy bytes from an iterator to persistent memory, and write them back from the caches.
 *
 * Like mcsafe_copy_from_iter(), but stores the bytes like mcsafe_memcpy_flushcache().
 *
 * @param[out]    addr  As for mcsafe_copy_from_iter(). Usually a mapping of persistent memory.
 * @param         n     As for mcsafe_copy_from_iter().
 * @param[in,out] it    As for mcsafe_copy_from_iter().
 * @param[out]    fault As for mcsafe_copy_from_iter().
 * @return              The number of bytes COPIED, as for mcsafe_copy_from_iter(). See
 *                      mcsafe_memcpy_flushcache() for when they are durable.
 *
 * @par Safety          MT-Safe for different iterators, AS-Safe.
 * @par Cost            One call of mcsafe_memcpy_flushcache() for each segment.
 * @since 0.1           @see mcsafe_copy_from_iter(), mcsafe_memcpy_flushcache()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_copy_from_iter_flushcache(void *addr, size_t n,
								    struct mcsafe_iter *it,
								    struct mcsafe_fault *fault);

/**
 * Fill the next bytes of an iterator with zeros, surviving memory that cannot be written.
 *
 * @param         n     Number of bytes to write, 0 .. SIZE_MAX. If n exceeds the iterator's count,
 *                      the count is used.
 * @param[in,out] it    A destination. Advances by the number of bytes written.
 * @param[out]    fault As for mcsafe_copy_to_iter(). The side is always DESTINATION.
 *
 * @return The number of bytes set to zero, 0 .. n, as for mcsafe_copy_to_iter(). Also 0 if the
 *         iterator is a source (mcsafe_iter_error() returns -EINVAL).
 *
 * @par Safety   MT-Safe for different iterators, AS-Safe.
 * @par Cost     One call of mcsafe_memset() for each segment.
 * @since 0.1    @see mcsafe_copy_to_iter(), mcsafe_memset()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_iter_zero(size_t n, struct mcsafe_iter *it,
						    struct mcsafe_fault *fault);

/**
 * Copy bytes from one iterator to another, surviving memory that cannot be read or written.
 *
 * @param[in,out] dst   A destination of any flavour. Advances by the number of bytes copied.
 * @param[in,out] src   A source of any flavour. Advances by the number of bytes copied. The memory
 *                      of src and the memory of dst must not overlap.
 * @param         n     Number of bytes to copy, 0 .. SIZE_MAX. If n exceeds either count, the
 *                      smaller count is used.
 * @param[out]    fault As for mcsafe_copy_to_iter(). Must overlap nothing of src or dst.
 *
 * @return The number of bytes COPIED, 0 .. n. Both iterators have advanced by this number. If it
 *         is less than n, a count was less than n, or the copy stopped. In the second case
 *         mcsafe_iter_error() returns the same reason for both iterators. The result is also 0 if
 *         dst is a source or src is a destination (mcsafe_iter_error() returns -EINVAL for both).
 *         If dst is of flavour FD and its descriptor fails, fault is not written, even if the
 *         memory of src is bad at a later byte.
 *
 * @par Safety   MT-Safe for different iterators, AS-Safe.
 * @par Cost     As for mcsafe_copy_to_iter(), for each piece that lies within one segment of dst
 *               and one segment of src.
 * @since 0.1    @see mcsafe_copy_to_iter(), mcsafe_iter_fd()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_iter_to_iter(struct mcsafe_iter *dst,
						       struct mcsafe_iter *src, size_t n,
						       struct mcsafe_fault *fault);

/**
 * Get the reason why the last copy to or from an iterator stopped.
 *
 * @param[in] it  Any iterator.
 *
 * @return 0           The last copy did not stop: it copied all bytes that were asked for or that
 *                     were left. Also 0 if there was no copy yet.
 *         -EINVAL     The iterator was used on the wrong side; or, after mcsafe_iter_to_iter(), the
 *                     other iterator was.
 *         -EHWPOISON, -EIO, -EFAULT   A memory fault on either side: the negated result of
 *                     mcsafe_fault_errno() for the record.
 *         others      An error of the descriptor, see mcsafe_iter_fd().
 *
 * @par Safety    MT-Safe for different iterators, AS-Safe.
 * @since 0.1     @see mcsafe_fault_errno()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_iter_error(const struct mcsafe_iter *it) MCSAFE_NOEXCEPT;

/**
 * Get the number of bytes that are left.
 *
 * @param[in] it  Any iterator.
 * @return        The number of bytes between the current position and the end, 0 .. SSIZE_MAX.
 *
 * @par Safety    MT-Safe for different iterators, AS-Safe.
 * @par Cost      Constant.
 * @since 0.1     @see mcsafe_iter_truncate()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_iter_count(const struct mcsafe_iter *it) MCSAFE_NOEXCEPT;

/**
 * Get the number of bytes that are left in the current segment.
 *
 * @param[in] it  Any iterator.
 * @return        The number of bytes left in the first segment that is not empty, at most the
 *                count. For UBUF, DISCARD and FD: the count. 0 if and only if the count is 0.
 *
 * @par Safety    MT-Safe for different iterators, AS-Safe.
 * @par Cost      Skips empty segments.
 * @since 0.1     @see mcsafe_iter_nr_segs()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_iter_single_seg_count(const struct mcsafe_iter *it)
	MCSAFE_NOEXCEPT;

/**
 * Get the number of segments that are left.
 *
 * @param[in] it  Any iterator.
 * @return        The number of segments, or parts of segments, that hold the bytes that are left.
 *                mcsafe_iter_to_iovec() writes this number of entries if there is room. Empty
 *                segments do not count. 0 for DISCARD and FD, which have no segments.
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
 * @param         n   Number of bytes to skip, 0 .. the count. Their memory is not accessed.
 *
 * @return 0          Success. The count has decreased by n.
 *         -EINVAL    n exceeds the count.
 *         -ESPIPE    The iterator is a stream (see mcsafe_iter_fd()), and n is not 0.
 *
 * @par Safety        MT-Safe for different iterators, AS-Safe.
 * @par Cost          Reads the segments that are skipped.
 * @since 0.1         @see mcsafe_iter_revert()
 */
MCSAFE_API int mcsafe_iter_advance(struct mcsafe_iter *it, size_t n) MCSAFE_NOEXCEPT;

/**
 * Go back.
 *
 * Bytes that were copied stay copied.
 *
 * @param[in,out] it  Any iterator.
 * @param         n   Number of bytes to go back, 0 .. the number of bytes copied and skipped since
 *                    the initialisation.
 *
 * @return 0          Success. The count has increased by n.
 *         -EINVAL    The new position would be before the beginning.
 *         -ESPIPE    The iterator is a stream (see mcsafe_iter_fd()), and n is not 0.
 *
 * @par Safety        MT-Safe for different iterators, AS-Safe.
 * @par Cost          Reads the segments between the two positions.
 * @since 0.1         @see mcsafe_iter_advance(), mcsafe_iter_save()
 */
MCSAFE_API int mcsafe_iter_revert(struct mcsafe_iter *it, size_t n) MCSAFE_NOEXCEPT;

/**
 * Limit the number of bytes that are left.
 *
 * @param[in,out] it  Any iterator.
 * @param         n   The new count. If n is not less than the count, nothing changes.
 *
 * @par Safety        MT-Safe for different iterators, AS-Safe.
 * @par Cost          Constant.
 * @since 0.1         @see mcsafe_iter_reexpand()
 */
MCSAFE_API void mcsafe_iter_truncate(struct mcsafe_iter *it, size_t n) MCSAFE_NOEXCEPT;

/**
 * Set the number of bytes that are left, to undo mcsafe_iter_truncate().
 *
 * @param[in,out] it  Any iterator.
 * @param         n   The new count. To undo a truncation from a to b bytes after copying c bytes,
 *                    pass a - c.
 *
 * @return 0          Success.
 *         -EINVAL    n exceeds the number of bytes from the current position to the end of the
 *                    last segment. For UBUF, DISCARD and FD: n exceeds the count given at the
 *                    initialisation, less the number of bytes copied and skipped since.
 *
 * @par Safety        MT-Safe for different iterators, AS-Safe.
 * @par Cost          Constant.
 * @since 0.1         @see mcsafe_iter_truncate()
 */
MCSAFE_API int mcsafe_iter_reexpand(struct mcsafe_iter *it, size_t n) MCSAFE_NOEXCEPT;

/**
 * Save position and count.
 *
 * @param[in]  it     Any iterator.
 * @param[out] state  Receives the position and the count for mcsafe_iter_restore().
 *
 * @par Safety        MT-Safe for different iterators, AS-Safe.
 * @par Cost          Constant.
 * @since 0.1         @see mcsafe_iter_restore()
 */
MCSAFE_API void mcsafe_iter_save(const struct mcsafe_iter *it, struct mcsafe_iter_state *state)
	MCSAFE_NOEXCEPT;

/**
 * Return to a saved position and count.
 *
 * @param[in,out] it     The iterator that was saved, or a copy of it.
 * @param[in]     state  Written by mcsafe_iter_save(). Can be used several times.
 *
 * @return 0          Success.
 *         -EINVAL    The state was saved from an iterator over something else.
 *         -ESPIPE    The iterator is a stream (see mcsafe_iter_fd()) that has moved since.
 *
 * @par Safety        MT-Safe for different iterators, AS-Safe.
 * @par Cost          Constant.
 * @since 0.1         @see mcsafe_iter_save(), mcsafe_iter_revert()
 */
MCSAFE_API int mcsafe_iter_restore(struct mcsafe_iter *it, const struct mcsafe_iter_state *state)
	MCSAFE_NOEXCEPT;

/**
 * Count the pages of 4096 bytes that hold the bytes that are left.
 *
 * @param[in] it        Any iterator.
 * @param     maxpages  Upper limit of the result. Counting stops there.
 *
 * @return              The number of pages, counted separately for each segment: a page that holds
 *                      the end of one segment and the beginning of the next counts twice. 0 for
 *                      DISCARD and FD.
 *
 * @par Safety          MT-Safe for different iterators, AS-Safe.
 * @par Cost            Reads the segments that are left.
 * @since 0.1           @see mcsafe_iter_alignment()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_iter_npages(const struct mcsafe_iter *it, size_t maxpages)
	MCSAFE_NOEXCEPT;

/**
 * Get the alignment of the segments that are left.
 *
 * @param[in] it  Any iterator.
 * @return        The bitwise OR of the addresses and lengths of all pieces that are left. All of
 *                them are multiples of 2^k if and only if the result is. 0 if nothing is left, and
 *                for DISCARD and FD.
 *
 * @par Safety    MT-Safe for different iterators, AS-Safe.
 * @par Cost      Reads the segments that are left.
 * @since 0.1     @see mcsafe_iter_gap_alignment()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_iter_alignment(const struct mcsafe_iter *it)
	MCSAFE_NOEXCEPT;

/**
 * Get the alignment of the boundaries between segments.
 *
 * @param[in] it  Any iterator.
 * @return        The bitwise OR of the end of each piece except the last, and of the start of each
 *                piece except the first. If the result is a multiple of 2^k, only the start of the
 *                first piece and the end of the last one may lie inside a block of 2^k bytes. 0 if
 *                fewer than two pieces are left, and for DISCARD and FD.
 *
 * @par Safety    MT-Safe for different iterators, AS-Safe.
 * @par Cost      Reads the segments that are left.
 * @since 0.1     @see mcsafe_iter_alignment()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_iter_gap_alignment(const struct mcsafe_iter *it)
	MCSAFE_NOEXCEPT;

/**
 * Write the segments that are left to a plain array, for readv(2), writev(2), preadv(2) and others.
 *
 * The iterator does not move. After the system call, call mcsafe_iter_advance() with the number of
 * bytes that the system call read or wrote.
 *
 * @param[in]  it    Any iterator.
 * @param[out] iov   Receives the pieces in order. None of them is empty. Must not be the array of
 *                   the iterator. NULL is allowed when room is 0.
 * @param      room  Number of entries in iov. System calls accept at most IOV_MAX.
 *
 * @return           The number of entries written, 0 .. room. They describe the first bytes that
 *                   are left; all of them if the result equals mcsafe_iter_nr_segs(). 0 for
 *                   DISCARD and FD.
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
