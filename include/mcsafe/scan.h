/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan.h - strnlen, memchr and memcmp that survive memory which cannot be read
 *
 * For parsers, which look at memory before they copy it. Each function stops at the first byte that
 * it needs and cannot read, and returns how many bytes it examined before that byte. Bytes that are
 * not needed do not change the result: memory past the end of a string, or past the first
 * difference, may be bad.
 */
#ifndef MCSAFE_SCAN_H
#define MCSAFE_SCAN_H

#include <mcsafe/compiler.h>

#include <stddef.h>

#include <mcsafe/fault.h>

MCSAFE_BEGIN_DECLS

/**
 * Find the first byte that has a value.
 *
 * Call mcsafe_install() first, or call mcsafe_handle_signal() in a handler of your own.
 *
 * @param[in]  s      Memory of any alignment. May be unmapped, protected, truncated or poisoned.
 * @param      c      The value. Its low 8 bits count, as for memchr(3).
 * @param      n      Bytes to examine, 0..SIZE_MAX. If n is 0, nothing is accessed, and s may have
 *                    any value. s + n may exceed the end of memory: the bytes are examined in
 *                    order, until one has the value or cannot be read.
 * @param[out] at     Not NULL. Receives the number of bytes before the first byte that has the
 *                    value, or n if no byte has it. After a fault, receives the number of bytes
 *                    examined: none of them has the value, and s[*at] cannot be read.
 * @param[out] fault  Receives what stopped the search; may be NULL. Written if and only if the
 *                    result is not MCSAFE_CAUSE_NONE. Its side is SOURCE. Its address is that of
 *                    the vector that was loaded, which starts up to 63 bytes before s[*at].
 *
 * @return MCSAFE_CAUSE_NONE, which is 0, whether or not the value was found; otherwise why s[*at]
 *         cannot be read.
 *
 * @par Poison   As for mcsafe_memcpy(): nothing is read outside the 64-byte lines that hold the
 *               bytes examined, no load crosses a line, and a load that failed is not repeated. *at
 *               is exact, except if this call itself raises a machine check. Then the *at bytes
 *               that were examined end at the poisoned line, or less than 8 bytes before the line.
 * @par Safety   MT-Safe, AS-Safe. No lock, no allocation, no TLS, no system call.
 * @par Cost     Examines 64 bytes at a time, or 16 without AVX2. Up to two cache lines cost the
 *               same, wherever the byte is in them. A fault costs what it costs mcsafe_memcpy().
 * @since 0.1    @see mcsafe_strnlen(), mcsafe_memcpy()
 */
MCSAFE_API enum mcsafe_cause mcsafe_memchr(const void *s, int c, size_t n, size_t *at,
					   struct mcsafe_fault *fault) MCSAFE_NOEXCEPT;

/**
 * Measure the length of a string.
 *
 * @param[in]  s       As for mcsafe_memchr().
 * @param      max     The largest number of bytes to examine, 0..SIZE_MAX.
 * @param[out] length  Not NULL. Receives the length of the string, or max if no byte of the first
 *                     max is 0. After a fault, receives the number of bytes that could be read.
 * @param[out] fault   As for mcsafe_memchr().
 * @return             MCSAFE_CAUSE_NONE, or why s[*length] cannot be read.
 *
 * @par Safety         MT-Safe, AS-Safe
 * @since 0.1          @see mcsafe_memchr()
 */
MCSAFE_API enum mcsafe_cause mcsafe_strnlen(const char *s, size_t max, size_t *length,
					    struct mcsafe_fault *fault) MCSAFE_NOEXCEPT;

/** What mcsafe_memcmp() found. */
struct mcsafe_comparison {
	size_t equal; /**< equal bytes before the first difference, the fault, or n */
	int order;    /**< as the result of memcmp(3): -1, 0 or 1; 0 after a fault */
	int failed;   /**< the operand that could not be read: 1: a, 2: b; 0: none */
};

/**
 * Compare memory.
 *
 * @param[in]  a       As for s of mcsafe_memchr(). May overlap b.
 * @param[in]  b       As for s of mcsafe_memchr().
 * @param      n       Bytes to compare, 0..SIZE_MAX. If n is 0, nothing is accessed.
 * @param[out] result  Not NULL. Receives what was found, also after a fault.
 * @param[out] fault   As for mcsafe_memchr(). Its side is SOURCE for both operands.
 *
 * @return MCSAFE_CAUSE_NONE, whether or not the bytes are equal; otherwise why
 *         a[result->equal] or b[result->equal], as result->failed says, cannot be read. If neither
 *         can be read, result->failed is 1 (a).
 *
 * @par Safety         MT-Safe, AS-Safe
 * @par Poison         As for mcsafe_memchr(), but bytes past the first difference may be read, as
 *                     many as lie in the lines of the operands and in the next 127 bytes. If they
 *                     cannot be read, the result stays the same. But if they are poisoned, their
 *                     page is lost.
 * @par Cost           Compares 16, 32 or 64 bytes at a time, as the engine in use does it. Up to
 *                     32 or 64 bytes, no alignment costs more than another.
 * @since 0.1          @see mcsafe_memchr()
 */
MCSAFE_API enum mcsafe_cause mcsafe_memcmp(const void *a, const void *b, size_t n,
					   struct mcsafe_comparison *result,
					   struct mcsafe_fault *fault) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_SCAN_H */
