/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * set_sse2.S - fill memory with 16-byte vectors, for processors without AVX2
 *
 *	size_t mcsafe__set_sse2(void *dst, int c, size_t n, struct mcsafe_fault *fault);
 *
 * Sets n bytes to the low byte of c, upwards, and returns how many were not set. *fault is written
 * only if that is not 0. set_vector.inc has the code, and says what happens on a fault.
 *
 * Needs	SSE2 (every x86-64)
 * Clobbers	%rax, %r8, %xmm0 and the argument registers; %r9-%r11
 *
 * Trace	n = 100, dst % 16 = 13: more than 4 vectors
 *		head: one vector from dst on; dst goes on by 3, to a multiple of 16; tail = dst + 33
 *		.Lturn: four vectors; dst is past "tail"
 *		.Ltail: four vectors up to the end; returns 0
 */
#include "asm.h"

/* In: %sil. Out: %xmm0, the byte 16 times. Changes: nothing else. */
.macro	fill_vector
	movd	%esi, %xmm0
	punpcklbw %xmm0, %xmm0
	pshuflw	$0, %xmm0, %xmm0
	punpcklqdq %xmm0, %xmm0
.endm

/* No upper half is used. In: nothing. Out: nothing. Changes: nothing. */
.macro	clean
.endm

#define NAME mcsafe__set_sse2
#define SIZE 16
#define ALIGN 6
#define VECTOR %xmm0
#define MOVE_UNALIGNED movdqu
#define MOVE_ALIGNED movdqa
#include "set_vector.inc"
