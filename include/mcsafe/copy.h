/* SPDX-License-Identifier: BSD-3-Clause */
/* copy.h - copies that survive memory which cannot be read or written */
#ifndef MCSAFE_COPY_H
#define MCSAFE_COPY_H

#include <mcsafe/compiler.h>

#include <stddef.h>
#include <sys/types.h>

#include <mcsafe/engine.h>
#include <mcsafe/fault.h>

MCSAFE_BEGIN_DECLS

/**
 * Copy bytes, surviving memory that cannot be read or written; report what stopped the copy.
 *
 * Copies n bytes from src to dst in increasing address order. If an access faults, the copy stops
 * at the first byte that failed, and the result says how many bytes are missing.
 *
 * Call mcsafe_install() first, or call mcsafe_handle_signal() in a handler of your own. Without
 * either, this function still copies, but a fault kills the process.
 *
 * @param[out] dst    Destination of n bytes, of any alignment. May be unmapped, read-only,
 *                    truncated or poisoned. Must not overlap [src, src + n).
 * @param[in]  src    Source of n bytes, of any alignment. May be unmapped, protected, truncated or
 *                    poisoned.
 * @param      n      Bytes to copy, 0..SIZE_MAX. If n is 0, nothing is accessed, and dst and src
 *                    may have any value, including NULL.
 * @param[out] fault  Receives what stopped the copy; may be NULL. Written if and only if the
 *                    result is not 0. Must point to writable memory that overlaps neither dst nor
 *                    src.
 *
 * @return The number of bytes NOT copied, r:
 *         0        All n bytes were copied.
 *         1..n     The copy stopped. dst[0 .. n-r) holds the source's bytes. dst[n-r .. n) and
 *                  everything outside dst are unchanged.
 *
 *         For SIGSEGV, for a truncated file, and for a page that the kernel already knows to be
 *         bad, n-r is exactly the number of bytes before the first bad byte, on either side. If
 *         this copy itself raises the machine check, the n-r copied bytes end at the poisoned
 *         64-byte line, or less than 8 bytes before it. If REP MOVSB raised the machine check, they
 *         may end an unknown distance before the line. mcsafe/engine.h says which engines use REP
 *         MOVSB.
 *
 *         A range that wraps around (dst + n or src + n exceeds UINTPTR_MAX) is refused before
 *         anything is accessed. The result is n, with cause ADDRESS, signo 0, and addr the start
 *         of that range. A NULL or wild pointer causes an ordinary fault at its first byte.
 *
 * @par Poison   The call never reads a source line again after the line raised a fault. It reads
 *               nothing outside the 64-byte lines that hold [src, src + n). No load crosses a
 *               line, because a load that covers a good and a poisoned line can be fatal on real
 *               machines. REP MOVSB is the exception: the processor chooses its loads. The caller
 *               must not read the bad byte again before the memory is replaced; see mcsafe(7).
 * @par State    errno, the signal mask, MXCSR, the direction flag and the caller's stack are
 *               unchanged, whether or not a fault happened.
 * @par Safety   MT-Safe, AS-Safe. No lock, no allocation, no TLS, no system call. SIGBUS and
 *               SIGSEGV must not be blocked in the calling thread: the kernel kills a process
 *               for a fault whose signal is blocked.
 * @par Cost     Recovery costs nothing until a fault happens. A fault costs one signal delivery
 *               and one sigreturn(2), which take some microseconds.
 * @par Source   Semantics of the Linux kernel's memcpy_mcsafe(), today copy_mc_to_kernel().
 * @since 0.1    @see mcsafe_install(), memcpy_mcsafe(), mcsafe(7)
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_memcpy(void *dst, const void *src, size_t n,
						 struct mcsafe_fault *fault) MCSAFE_NOEXCEPT;

/**
 * Copy bytes, surviving memory that cannot be read or written.
 *
 * Like mcsafe_memcpy() without a fault record. It has the signature and the meaning of the Linux
 * kernel's function of this name.
 *
 * @param[out] dst  As for mcsafe_memcpy().
 * @param[in]  src  As for mcsafe_memcpy().
 * @param      n    As for mcsafe_memcpy().
 * @return          The number of bytes NOT copied, as for mcsafe_memcpy(); 0 = all copied.
 *
 * @par Safety      MT-Safe, AS-Safe
 * @since 0.1       @see mcsafe_memcpy(), mcsafe_install()
 */
MCSAFE_API MCSAFE_NODISCARD size_t memcpy_mcsafe(void *dst, const void *src, size_t n)
	MCSAFE_NOEXCEPT;

/**
 * Copy bytes to persistent memory, and write the destination back from the caches.
 *
 * Copies like mcsafe_memcpy(). Every cache line of the destination that the copy changes also goes
 * to memory: in a long copy by stores that bypass the caches, if the engine has them, otherwise by
 * a write-back (CLWB, else CLFLUSHOPT, else CLFLUSH) after all stores. Use this function for
 * persistent memory that is mapped directly (DAX). The function does not wait for the write-backs.
 * The data are durable after the caller has executed SFENCE; one SFENCE can follow several copies.
 * Other threads need no SFENCE: they see the copy before all that the caller stores after it.
 *
 * @param[out] dst    As for mcsafe_memcpy(). The first and the last line are written back whole,
 *                    with the bytes around the destination that they hold.
 * @param[in]  src    As for mcsafe_memcpy().
 * @param      n      As for mcsafe_memcpy().
 * @param[out] fault  As for mcsafe_memcpy().
 *
 * @return The number of bytes NOT copied and written back, r; 0 = all. dst[0 .. n-r) holds the
 *         source's bytes and has been written back. What mcsafe_memcpy() says of its result holds
 *         here, with one exception. The destination can be lost after its bytes were stored and
 *         before they were written back, for example if another process truncates the file. The
 *         lines that are not written back then count as not copied, although they may have been
 *         overwritten. The side is then DESTINATION.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @par Cost     From 1 KiB on, or 4 KiB on AMD family 1Ah, at most two lines are written back. A
 *               shorter copy costs one write-back for each line.
 * @par Source   Semantics of the Linux kernel's memcpy_flushcache().
 * @since 0.1    @see mcsafe_memcpy()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_memcpy_flushcache(void *dst, const void *src, size_t n,
							    struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;

/**
 * Fill memory, surviving memory that cannot be written.
 *
 * @param[out] dst    Destination of n bytes, of any alignment. May be unmapped, read-only,
 *                    truncated or poisoned.
 * @param      c      The value. Its low 8 bits are stored, as by memset(3).
 * @param      n      Bytes to set, 0..SIZE_MAX. If n is 0, nothing is accessed, and dst may have
 *                    any value.
 * @param[out] fault  Receives what stopped the fill; may be NULL. Written if and only if the
 *                    result is not 0. Its side is always DESTINATION.
 *
 * @return The number of bytes NOT set, r; 0 = all. If r is not 0, dst[0 .. n-r) is set and the rest
 *         is unchanged. n-r is exactly the number of bytes before the first byte that cannot be
 *         written. A range that wraps around is refused as by mcsafe_memcpy().
 *
 * @par Safety   MT-Safe, AS-Safe, under the same conditions as mcsafe_memcpy().
 * @par Cost     With AVX-512, up to 63 bytes are one store with a mask. The processor does not
 *               forward it to a load: to load these bytes at once takes about 4 ns longer than
 *               after ordinary stores. The C library's memset() has the same price there.
 * @since 0.1    @see mcsafe_memcpy()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_memset(void *dst, int c, size_t n,
						 struct mcsafe_fault *fault) MCSAFE_NOEXCEPT;

/** A range of bytes: a part of a source and its destination, of a mapping, or of a registry. */
struct mcsafe_range {
	size_t start; /**< offset, in bytes; for mcsafe_memcpy_holes(), from src and from dst */
	size_t len;   /**< bytes */
};

/**
 * Copy what can be copied, fill the rest, and list the holes.
 *
 * Like mcsafe_memcpy(), but continues after bad memory. If an access fails, everything that is lost
 * with that access becomes a hole. For POISON that is the rest of the lost extent (see struct
 * mcsafe_fault), for ADDRESS the rest of the range, and for other causes the rest of the 4096-byte
 * page. An extent counts as at least one page. Holes that touch are listed as one hole.
 *
 * @param[out]    dst     As for mcsafe_memcpy(). Where the source could not be read, dst holds
 *                        fill. Where dst itself could not be written, dst is unchanged.
 * @param[in]     src     As for mcsafe_memcpy().
 * @param         n       As for mcsafe_memcpy().
 * @param         fill    The value for bytes that could not be read; its low 8 bits are stored.
 * @param[out]    holes   Receives the first holes, in ascending order, until the array is full. May
 *                        be NULL if the array has no elements.
 * @param[in,out] nholes  In: the number of elements of holes. Out: the number of holes found, which
 *                        can be 0, or more than the array holds. NULL: holes has no elements, and
 *                        the number is not returned.
 *
 * @return The number of bytes lost, which is the sum of the lengths of all holes; 0 = all copied. A
 *         range that wraps around is refused as by mcsafe_memcpy(): the result is n, in one hole,
 *         and nothing is accessed.
 *
 * @par Poison   The call never reads a page again after the page raised a fault. Bytes of that
 *               page before the poisoned line are copied, as by mcsafe_memcpy(). Bytes after the
 *               line are lost with the page.
 * @par Safety   MT-Safe, AS-Safe, under the same conditions as mcsafe_memcpy().
 * @par Cost     One signal for each bad page, and no system call. A range of many unmapped pages
 *               takes long: about 2 microseconds a page. mcsafe_memcpy_holes_fd() is fast where
 *               the range lies past the end of a file.
 * @since 0.1    @see mcsafe_memcpy(), mcsafe_memcpy_holes_fd()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_memcpy_holes(void *dst, const void *src, size_t n,
						       int fill, struct mcsafe_range *holes,
						       size_t *nholes) MCSAFE_NOEXCEPT;

/**
 * Copy what can be copied of a mapped file, fill the rest, and list the holes.
 *
 * Like mcsafe_memcpy_holes(), but asks the kernel for the length of the file (fstat(2)) when a read
 * raises SIGBUS and no poison is reported. If the page lies past the end of the file, all that
 * follows is one hole: no more of it is read.
 *
 * @param[out]    dst     As for mcsafe_memcpy_holes().
 * @param[in]     src     As for mcsafe_memcpy_holes(). A mapping of the file.
 * @param         n       As for mcsafe_memcpy_holes().
 * @param         fill    As for mcsafe_memcpy_holes().
 * @param[out]    holes   As for mcsafe_memcpy_holes().
 * @param[in,out] nholes  As for mcsafe_memcpy_holes().
 * @param         fd      The file. If it is not a regular file, or not open, the call does what
 *                        mcsafe_memcpy_holes() does.
 * @param         offset  The offset in the file of the byte at src. If it is not, bytes that could
 *                        have been read may be lost.
 *
 * @return As for mcsafe_memcpy_holes().
 *
 * @par Growth   If the file grows during the call, what is past the end that the kernel named may
 *               be a hole although it could be read by now.
 * @par Safety   MT-Safe, AS-Safe, under the same conditions as mcsafe_memcpy(). errno is unchanged.
 * @par Cost     One signal, and for SIGBUS without poison one system call, for each bad page before
 *               the end of the file; one signal and one system call for all that is past it.
 * @since 0.1    @see mcsafe_memcpy_holes(), mcsafe_pmem_salvage()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_memcpy_holes_fd(void *dst, const void *src, size_t n,
							  int fill, struct mcsafe_range *holes,
							  size_t *nholes, int fd, off_t offset)
	MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_COPY_H */
