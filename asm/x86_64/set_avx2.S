/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * set_avx2.S - fill memory with 32-byte vectors
 *
 *	size_t mcsafe__set_avx2(void *dst, int c, size_t n, struct mcsafe_fault *fault);
 *
 * Sets n bytes to the low byte of c, upwards, and returns how many were not set. *fault is
 * written only if that is not 0, or if a store failed whose cause was gone when its bytes were
 * stored again. set_vector.inc has the code and the rule for faults.
 *
 * Needs	AVX2 (CPUID leaf 7, EBX bit 5; XCR0 bits 1 and 2)
 * Clobbers	%rax, %r8, %xmm0, %rdi and %rdx; %r9-%r11 on a fault
 *
 * Trace	n = 100, dst % 32 = 13: not more than 4 vectors, so nothing is aligned
 *		.L33_and_more: two vectors from dst on; dst goes on by 64, left = 36
 *		to_last: unset = 36; dst goes back by 28, left = 64
 *		.Llast_two: two vectors up to the end; returns 0
 */
#include "asm.h"

/*
 * In: %sil, the byte
 * Out: %xmm0, the byte sixteen times
 * Changes: nothing else
 */
.macro	fill_16
	vmovd	%esi, %xmm0
	vpbroadcastb %xmm0, %xmm0
.endm

/*
 * In: %xmm0
 * Out: %ymm0, twice %xmm0
 * Changes: nothing else
 */
.macro	fill_vector
	vinserti128 $1, %xmm0, %ymm0, %ymm0
.endm

/*
 * In: nothing
 * Out: the upper halves of all YMM registers are clean
 * Changes: nothing else
 */
.macro	clean
	vzeroupper
.endm

#define NAME mcsafe__set_avx2
#define SIZE 32
#define VECTOR %ymm0
#define MOVE_UNALIGNED vmovdqu
#define MOVE_ALIGNED vmovdqa
#include "set_vector.inc"
