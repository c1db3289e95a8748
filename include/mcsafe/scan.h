/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan.h - strnlen, memchr and memcmp that survive memory which cannot be read
 *
 * What a parser does before it copies. Each stops at the first byte that it needs and cannot read,
 * and says how many bytes it had looked at by then. A byte that is not needed does no harm: what is
 * behind the end of a string, or behind the first difference, may be as bad as it likes.
 */
#ifndef MCSAFE_SCAN_H
#define MCSAFE_SCAN_H

#include <stddef.h>

#include <mcsafe/compiler.h>
#include <mcsafe/fault.h>

MCSAFE_BEGIN_DECLS

/**
 * Find the first byte of a value.
 *
 * mcsafe_install() must have been called, or a handler of the host must pass its signals on.
 *
 * @param[in]  s      Memory that may be unmapped, protected, truncated or poisoned. Any alignment.
 * @param      c      The value; its low 8 bits count, as for memchr(3).
 * @param      n      Bytes to look at, 0..SIZE_MAX. 0 touches nothing, and s may then be anything.
 *                    It may reach past the end of memory: the bytes are looked at one after the
 *                    other, up to the first that is found or cannot be read.
 * @param[out] at     Receives how many bytes are in front of the first one of that value; n if none
 *                    has it; after a fault, how many bytes have been looked at, in vain: s[*at]
 *                    cannot be read. Not NULL.
 * @param[out] fault  Receives what stopped it; NULL if not wanted. Written if and only if the
 *                    result is not MCSAFE_CAUSE_NONE. Its side is SOURCE. Its address is that of
 *                    the vector which was loaded: up to 15 bytes in front of s[*at].
 *
 * @return MCSAFE_CAUSE_NONE, which is 0, whether found or not; or why s[*at] cannot be read.
 *
 * @par Poison   As for mcsafe_memcpy(): nothing is read outside the 64-byte lines that hold the
 *               bytes which are looked at, no load crosses a line, and one that failed is not
 *               repeated. *at is exact but for a machine check that this very call raises, where
 *               it never passes the poisoned line.
 * @par Safety   MT-Safe, AS-Safe. No lock, no allocation, no TLS, no system call.
 * @par Cost     16 bytes at a time.
 * @since 0.1    @see mcsafe_strnlen(), mcsafe_memcpy()
 */
MCSAFE_API enum mcsafe_cause mcsafe_memchr(const void *s, int c, size_t n, size_t *at,
					   struct mcsafe_fault *fault) MCSAFE_NOEXCEPT;

/**
 * Measure a string.
 *
 * @param[in]  s       As for mcsafe_memchr().
 * @param      max     The most that is looked at, 0..SIZE_MAX bytes.
 * @param[out] length  Receives the length of the string; max if it is longer than that or has no
 *                     end; after a fault, how many bytes of it could be read. Not NULL.
 * @param[out] fault   As for mcsafe_memchr().
 * @return             MCSAFE_CAUSE_NONE, or why s[*length] cannot be read.
 *
 * @par Safety         MT-Safe, AS-Safe
 * @since 0.1          @see mcsafe_memchr()
 */
MCSAFE_API enum mcsafe_cause mcsafe_strnlen(const char *s, size_t max, size_t *length,
					    struct mcsafe_fault *fault) MCSAFE_NOEXCEPT;

/** What mcsafe_memcmp() has found. */
struct mcsafe_comparison {
	size_t equal; /**< bytes that are the same, before the first difference, the fault, or n */
	int order;    /**< as the result of memcmp(3): -1, 0 or 1; 0 after a fault */
	int failed;   /**< which operand could not be read: 1 a, 2 b; 0 none */
};

/**
 * Compare memory.
 *
 * @param[in]  a       As s of mcsafe_memchr(). May overlap b.
 * @param[in]  b       The same.
 * @param      n       Bytes to compare, 0..SIZE_MAX. 0 touches nothing.
 * @param[out] result  Receives what was found, after a fault as well. Not NULL.
 * @param[out] fault   As for mcsafe_memchr(); its side is SOURCE for either operand.
 *
 * @return MCSAFE_CAUSE_NONE, equal or not; or why a[result->equal] or b[result->equal], as
 *         result->failed says, cannot be read. Where neither can, it is a.
 *
 * @par Safety         MT-Safe, AS-Safe
 * @par Cost           16 bytes at a time, except for one vector in each line of b if a and b are
 *                     not a multiple of 16 bytes apart: that goes byte by byte.
 * @since 0.1          @see mcsafe_memchr()
 */
MCSAFE_API enum mcsafe_cause mcsafe_memcmp(const void *a, const void *b, size_t n,
					   struct mcsafe_comparison *result,
					   struct mcsafe_fault *fault) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_SCAN_H */
