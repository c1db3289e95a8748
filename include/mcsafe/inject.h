/* SPDX-License-Identifier: BSD-3-Clause */
/* inject.h - make protected accesses fail, to test what a program does then */
#ifndef MCSAFE_INJECT_H
#define MCSAFE_INJECT_H

#include <mcsafe/compiler.h>

MCSAFE_BEGIN_DECLS

/**
 * Make every protected load fail that ends above an address; NULL for none.
 *
 * Only a library that was configured with -DMCSAFE_DEBUG=ON has this function: each access of a
 * copy is then preceded by a check, and one that reaches beyond the address takes the very way
 * that a real fault would take, without a signal and without touching the memory. It is reported
 * as SIGBUS, BUS_MCEERR_AR, extent 4096, with the first byte above the address that the access
 * would have touched.
 *
 * @param addr   The first bad byte: an access fails if its last byte is at addr or above. NULL: no
 *               access fails, which is how a program begins.
 *
 * @par Exact    A copy loads up to 8 bytes at once. If addr lies within such a word, none of the
 *               word is copied: the count may be up to 7 short, and is never too high.
 * @par Scope    The whole process, all threads, until the next call.
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1    @see mcsafe_inject_dst()
 */
MCSAFE_API void mcsafe_inject_src(const void *addr) MCSAFE_NOEXCEPT;

/**
 * Make every protected store fail that ends above an address; NULL for none.
 *
 * As mcsafe_inject_src(), for stores. A copy finishes a store that fails byte by byte, as after a
 * real fault, so its count is exact to the byte. mcsafe_memset() stores aligned words, so its count
 * may be up to 7 short if addr lies within one.
 *
 * @param addr   The first bad byte, or NULL.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1    @see mcsafe_inject_src()
 */
MCSAFE_API void mcsafe_inject_dst(const void *addr) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_INJECT_H */
