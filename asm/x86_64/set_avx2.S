/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * set_avx2.S - fill memory with 32-byte vectors
 *
 *	size_t mcsafe__set_avx2(void *dst, int c, size_t n, struct mcsafe__landing *landing);
 *
 * Sets n bytes to the low byte of c, upwards, and returns how many were not set; *landing is
 * written only if that is not 0 or a write fault went away while it was looked at. set_vector.h,
 * which is all of it, has the rule for faults.
 *
 * Needs	AVX2 (CPUID leaf 7, EBX bit 5; XCR0 bits 1 and 2)
 * Clobbers	%rax, %r8, %xmm0, %rdi and %rdx; %r9-%r11 on a fault
 */
#include "set_vector.h"

.macro	fill_16
	vmovd	%esi, %xmm0
	vpbroadcastb %xmm0, %xmm0
.endm

.macro	fill_vector
	vinserti128 $1, %xmm0, %ymm0, %ymm0
.endm

.macro	clean
	vzeroupper
.endm

set_function mcsafe__set_avx2, 32, %ymm0, vmovdqu, vmovdqa
