/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_avx2.S - copy with 32-byte vectors
 *
 *	size_t mcsafe__copy_avx2(void *dst, const void *src, size_t n,
 *				 struct mcsafe__landing *landing);
 *
 * See copy_avx2.h, which is all of it.
 *
 * Needs	AVX2 (CPUID leaf 7, EBX bit 5; XCR0 bits 1 and 2)
 */
#include "copy_avx2.h"

copy_function mcsafe__copy_avx2, vmovdqa, 0
