/* SPDX-License-Identifier: BSD-3-Clause */
/* routines.h - the copies, fills and write-backs of asm/x86_64, as C sees them */
#ifndef MCSAFE_ASM_ROUTINES_H
#define MCSAFE_ASM_ROUTINES_H

#include <stddef.h>

struct mcsafe__landing; /* src/landing/landing.h */

#pragma GCC visibility push(hidden)

/*
 * Each routine returns the number of bytes that it did not do. If that is not 0, *landing says why.
 * landing may be NULL if the caller does not want to know. The contract of each routine stands at
 * the head of asm/x86_64/NAME.S.
 */
typedef size_t mcsafe__copy_fn(void *dst, const void *src, size_t n,
			       struct mcsafe__landing *landing);

mcsafe__copy_fn mcsafe__copy_word;
mcsafe__copy_fn mcsafe__copy_sse2;
mcsafe__copy_fn mcsafe__copy_avx2;
mcsafe__copy_fn mcsafe__copy_nt_avx2;
mcsafe__copy_fn mcsafe__copy_avx512;
mcsafe__copy_fn mcsafe__copy_nt_avx512;
mcsafe__copy_fn mcsafe__copy_erms;

typedef size_t mcsafe__set_fn(void *dst, int c, size_t n, struct mcsafe__landing *landing);

mcsafe__set_fn mcsafe__set_word;
mcsafe__set_fn mcsafe__set_sse2;
mcsafe__set_fn mcsafe__set_avx2;

typedef size_t mcsafe__flush_fn(const void *addr, size_t n, struct mcsafe__landing *landing);

mcsafe__flush_fn mcsafe__flush_clwb;
mcsafe__flush_fn mcsafe__flush_clflushopt;
mcsafe__flush_fn mcsafe__flush_clflush;

/*
 * Upper bound on the bytes at each end of the destination that mcsafe__copy_nt_* stores through the
 * caches, if no fault was recorded in *landing.
 */
#define MCSAFE__NT_EDGE 96

/* Below this length mcsafe__copy_nt_* may store everything through the caches. */
#define MCSAFE__NT_LEAST 193

#pragma GCC visibility pop

#endif /* MCSAFE_ASM_ROUTINES_H */
