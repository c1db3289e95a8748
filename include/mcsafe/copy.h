/* SPDX-License-Identifier: BSD-3-Clause */
/* copy.h - copies that survive memory which cannot be read or written */
#ifndef MCSAFE_COPY_H
#define MCSAFE_COPY_H

#include <stddef.h>

#include <mcsafe/compiler.h>
#include <mcsafe/engine.h>
#include <mcsafe/fault.h>

MCSAFE_BEGIN_DECLS

/**
 * Copy bytes, surviving memory that cannot be read or written; report what stopped it.
 *
 * Copies n bytes from src to dst in increasing address order. When an access faults, the copy
 * stops and says how much is missing; it never goes on past the first byte that failed.
 *
 * mcsafe_install() must have been called (or a handler of the host must pass its signals on to
 * libmcsafe). Without it this is an ordinary copy: it works, and a fault kills the process.
 *
 * @param[out] dst    Destination of n bytes. May be unmapped, read-only, truncated or poisoned.
 *                    Must not overlap [src, src + n). Any alignment.
 * @param[in]  src    Source of n bytes. May be unmapped, protected, truncated or poisoned. Any
 *                    alignment.
 * @param      n      Bytes to copy, 0..SIZE_MAX. 0 touches nothing, and dst and src may then be
 *                    anything, NULL included.
 * @param[out] fault  Receives what stopped the copy; NULL if not wanted. Written if and only if
 *                    the result is not 0. Must itself be writable memory that does not overlap
 *                    dst or src.
 *
 * @return The number of bytes NOT copied, r:
 *         0        all n bytes were copied.
 *         1..n     the copy stopped; dst[0 .. n-r) holds the source's bytes, dst[n-r .. n) and
 *                  everything outside dst is as it was before.
 *
 *         How exact r is: for SIGSEGV, for a truncated file and for a page which the kernel
 *         already knows to be bad, n-r is exactly the number of bytes before the first bad one, on
 *         either side. When a machine check is raised by this very copy, n-r never passes the
 *         poisoned 64-byte line. Where REP MOVSB meets it (mcsafe_engine_name() "erms", and long
 *         copies of "avx512_erms" and "avx2_erms"), it may fall short of it; otherwise it stops at
 *         the line, or less than 8 bytes before it.
 *
 *         A range that wraps around the end of the address space (dst + n or src + n exceeds
 *         UINTPTR_MAX) is refused before anything is touched: the result is n, with cause
 *         ADDRESS, signo 0 and addr the start of that range. NULL and wild pointers are ordinary
 *         faults at the first byte.
 *
 * @par Poison   A source line that raised a fault is never read again by the call. Nothing is
 *               read outside the 64-byte lines that hold [src, src + n), and no single load
 *               crosses a line, since a load that straddles good and poisoned lines can be fatal
 *               on real machines. (REP MOVSB loads as the processor pleases: see mcsafe/engine.h
 *               for where it is used.) The caller must not read the bad byte again either: repair or
 *               remap it (see mcsafe(7)).
 * @par State    errno, the signal mask, MXCSR, the direction flag and the caller's stack are as
 *               before, fault or not.
 * @par Safety   MT-Safe, AS-Safe. No lock, no allocation, no TLS, no system call. SIGBUS and
 *               SIGSEGV must not be blocked in the calling thread: the kernel kills a process
 *               for a fault whose signal is blocked.
 * @par Cost     Recovery costs nothing until a fault happens; a fault costs one signal delivery
 *               and one sigreturn(2), some microseconds.
 * @par Source   Semantics of the Linux kernel's memcpy_mcsafe(), today copy_mc_to_kernel().
 * @since 0.1    @see mcsafe_install(), memcpy_mcsafe(), mcsafe(7)
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_memcpy(void *dst, const void *src, size_t n,
						 struct mcsafe_fault *fault) MCSAFE_NOEXCEPT;

/**
 * Copy bytes, surviving memory that cannot be read or written.
 *
 * mcsafe_memcpy() with no fault record: the signature and the meaning of the Linux kernel's
 * function of this name.
 *
 * @param[out] dst  As for mcsafe_memcpy().
 * @param[in]  src  As for mcsafe_memcpy().
 * @param      n    As for mcsafe_memcpy().
 * @return          The number of bytes NOT copied; 0 = all copied. As for mcsafe_memcpy().
 *
 * @par Safety      MT-Safe, AS-Safe
 * @since 0.1       @see mcsafe_memcpy(), mcsafe_install()
 */
MCSAFE_API MCSAFE_NODISCARD size_t memcpy_mcsafe(void *dst, const void *src, size_t n)
	MCSAFE_NOEXCEPT;

/**
 * Copy bytes to memory that must keep them, and write the destination back from the caches.
 *
 * mcsafe_memcpy() with stores that bypass the caches where the engine has them, and a write-back
 * (CLWB, else CLFLUSHOPT, else CLFLUSH) of every other cache line that was written. For destinations in persistent memory that is mapped
 * directly (DAX). There is no fence inside: the data are durable once the caller has executed
 * SFENCE after the call, so that several copies can share one fence.
 *
 * @param[out] dst    As for mcsafe_memcpy(). The first and last line are written back whole, with
 *                    whatever else they hold.
 * @param[in]  src    As for mcsafe_memcpy().
 * @param      n      As for mcsafe_memcpy().
 * @param[out] fault  As for mcsafe_memcpy().
 *
 * @return The number of bytes NOT made durable, r; 0 = all. dst[0 .. n-r) holds the source's bytes
 *         and has been written back. As for mcsafe_memcpy(), with one exception: if the destination
 *         is lost after its bytes were stored and before they were written back (a file truncated
 *         by another process, say), the lines that are not written back count as not copied
 *         although they may have been overwritten; the side is then DESTINATION.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @par Source   Semantics of the Linux kernel's memcpy_flushcache().
 * @since 0.1    @see mcsafe_memcpy()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_memcpy_flushcache(void *dst, const void *src, size_t n,
							    struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;

/**
 * Fill memory, surviving what cannot be written.
 *
 * @param[out] dst    Destination of n bytes. May be unmapped, read-only, truncated or poisoned.
 *                    Any alignment.
 * @param      c      The value; its low 8 bits are stored, as by memset(3).
 * @param      n      Bytes to set, 0..SIZE_MAX. 0 touches nothing, and dst may then be anything.
 * @param[out] fault  Receives what stopped it; NULL if not wanted. Written if and only if the
 *                    result is not 0; its side is always DESTINATION.
 *
 * @return The number of bytes NOT set, r: 0 = all; otherwise dst[0 .. n-r) is set, the rest is as
 *         it was, and n-r is exactly the number of bytes before the first one that cannot be
 *         written. A range that wraps around is refused as by mcsafe_memcpy().
 *
 * @par Safety   MT-Safe, AS-Safe, under the same conditions as mcsafe_memcpy().
 * @since 0.1    @see mcsafe_memcpy()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_memset(void *dst, int c, size_t n,
						 struct mcsafe_fault *fault) MCSAFE_NOEXCEPT;

/** A part of an operand. */
struct mcsafe_range {
	size_t start; /**< offset from the start of the source */
	size_t len;   /**< bytes */
};

/**
 * Copy what can be copied, fill the rest, and list it.
 *
 * mcsafe_memcpy() that goes on past bad memory. When an access fails, all that is lost with it is
 * left out: for POISON the extent of the loss (see struct mcsafe_fault), otherwise the rest of
 * the 4096-byte page. Holes that touch are one hole.
 *
 * @param[out]    dst     As for mcsafe_memcpy(). Where the source could not be read, it holds fill.
 *                        Where dst itself could not be written, it is as it was.
 * @param[in]     src     As for mcsafe_memcpy().
 * @param         n       As for mcsafe_memcpy().
 * @param         fill    The value for what could not be read; its low 8 bits are stored.
 * @param[out]    holes   Receives the holes in ascending order, as far as there is room. May be
 *                        NULL if there is none.
 * @param[in,out] nholes  In: the room in holes, as a number of elements. Out: the number of holes
 *                        found, also if that is more than the room, and 0 if there was none. NULL:
 *                        no room, and the number is not wanted.
 *
 * @return The bytes lost: the sum of the lengths of all holes; 0 = all copied. A range that wraps
 *         around is refused as by mcsafe_memcpy(): the result is n, in one hole, and nothing is
 *         touched.
 *
 * @par Poison   A page that raised a fault is never read again by the call. Bytes before the
 *               poisoned line, in the same page, are delivered as by mcsafe_memcpy(); what is
 *               behind it is lost with the page.
 * @par Safety   MT-Safe, AS-Safe, under the same conditions as mcsafe_memcpy().
 * @par Cost     A signal for each bad page: ranges of many unmapped pages take long.
 * @since 0.1    @see mcsafe_memcpy()
 */
MCSAFE_API MCSAFE_NODISCARD size_t mcsafe_memcpy_holes(void *dst, const void *src, size_t n,
						       int fill, struct mcsafe_range *holes,
						       size_t *nholes) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_COPY_H */
