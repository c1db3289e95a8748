/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_nt_avx2.S - copy with 32-byte vectors and non-temporal stores
 *
 *	size_t mcsafe__copy_nt_avx2(void *dst, const void *src, size_t n,
 *				    struct mcsafe__landing *landing);
 *
 * See copy_avx2.h, which is all of it. The loops, that is all but the first and the last 64 bytes,
 * leave nothing of the destination in the caches. Ends with SFENCE if it has stored so.
 *
 * Needs	AVX2 (CPUID leaf 7, EBX bit 5; XCR0 bits 1 and 2)
 */
#include "copy_avx2.h"

copy_function mcsafe__copy_nt_avx2, vmovntdq, 1
