/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * set_avx2.S - fill memory with 32-byte vectors
 *
 *	size_t mcsafe__set_avx2(void *dst, int c, size_t n, struct mcsafe_fault *fault);
 *
 * Sets n bytes to the low byte of c, upwards, and returns how many were not set. *fault is written
 * only if that is not 0. mcsafe__memset_avx2() is where mcsafe_memset() of set_avx512.S goes if the
 * engine in use has another routine than that file's. set_vector.inc has the code, and says what
 * happens on a fault.
 *
 * Needs	AVX2 (CPUID leaf 7, EBX bit 5; XCR0 bits 1 and 2)
 * Clobbers	%rax, %r8, %xmm0 and the argument registers; %r9-%r11
 *
 * Trace	n = 100, dst % 64 = 13: stores 32 bytes at 0, at 32, at 36 and at 68; returns 0
 */
#include "asm.h"

/* In: %sil. Out: %ymm0, the byte 32 times. Changes: nothing else. */
.macro	fill_vector
	vmovd	%esi, %xmm0
	vpbroadcastb %xmm0, %ymm0
.endm

/* In: nothing. Out: the upper halves of all YMM registers are clean. Changes: nothing else. */
.macro	clean
	vzeroupper
.endm

#ifndef MCSAFE_MSAN
	.hidden	mcsafe__memset_avx2
front mcsafe__memset_avx2
	enter_if_below MCSAFE_ENTRY_SET_AVX2, %rdx, mcsafe__memset
endfront mcsafe__memset_avx2
#endif

#define NAME mcsafe__set_avx2
#define SIZE 32
#define ALIGN 0
#define VECTOR %ymm0
#define MOVE_UNALIGNED vmovdqu
#define MOVE_ALIGNED vmovdqa
#include "set_vector.inc"
