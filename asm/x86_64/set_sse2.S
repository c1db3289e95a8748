/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * set_sse2.S - fill memory with 16-byte vectors, for processors without AVX2
 *
 *	size_t mcsafe__set_sse2(void *dst, int c, size_t n, struct mcsafe__landing *landing);
 *
 * Sets n bytes to the low byte of c, upwards, and returns how many were not set; *landing is
 * written only if that is not 0 or a write fault went away while it was looked at. set_vector.h,
 * which is all of it, has the rule for faults.
 *
 * Needs	SSE2 (every x86-64)
 * Clobbers	%rax, %r8, %xmm0, %rdi and %rdx; %r9-%r11 on a fault
 */
#include "set_vector.h"

.macro	fill_16
	movd	%esi, %xmm0
	punpcklbw %xmm0, %xmm0
	pshuflw	$0, %xmm0, %xmm0
	punpcklqdq %xmm0, %xmm0
.endm

.macro	fill_vector
.endm

.macro	clean
.endm

set_function mcsafe__set_sse2, 16, %xmm0, movdqu, movdqa
