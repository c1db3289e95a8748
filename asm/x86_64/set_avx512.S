/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * set_avx512.S - fill memory with 64-byte vectors
 *
 *	size_t mcsafe__set_avx512(void *dst, int c, size_t n, struct mcsafe_fault *fault);
 *	size_t mcsafe_memset(void *dst, int c, size_t n, struct mcsafe_fault *fault);
 *
 * Sets n bytes to the low byte of c, upwards, and returns how many were not set. *fault is written
 * only if that is not 0. mcsafe_memset() is this function if the engine in use has it.
 *
 * Needs	AVX512F and AVX512BW (CPUID leaf 7, EBX bits 16 and 30; XCR0 bits 1, 2 and 5 to 7),
 *		BMI2 (EBX bit 8)
 * Clobbers	%rax, %r8, zmm16, %k1 and the argument registers; %r9-%r11 on a fault. zmm16 has no
 *		legacy part, so nothing has to be cleared for the caller (no VZEROUPPER).
 *
 * Phases	n < 64		one vector with a mask, without a branch on n, also for n = 0
 *		n <= 128	two vectors that overlap, or that are the same
 *		n <= 256	four vectors that overlap
 *		more		set_long.inc
 *
 * Trace	n = 100, dst % 64 = 13: .L64_and_more stores the first 64 bytes and the last 64
 *		bytes; returns 0
 *
 * On a fault	A store writes all of its bytes or none; with a mask, that is the bytes of the mask,
 *		and only these can fail (Intel SDM vol. 1, 15.6.4). The fixup knows which stores of
 *		the group are done, and goes on after the bytes that they have stored: .Lbytes of
 *		set_long.inc.
 */
#include "asm.h"

#define dst	%rdi
#define byte	%sil		/* is kept, for the fixups */
#define left	%rdx		/* bytes from dst on */

/* Only zmm16 is used. In: nothing. Out: nothing. Changes: nothing. */
.macro	clean
.endm

#ifndef MCSAFE_MSAN
front mcsafe_memset
	movq	left, %rax
	addq	dst, %rax
	jc	mcsafe__memset			/* the range wraps around */
	enter_if_below MCSAFE_ENTRY_SET_AVX512, left, mcsafe__memset_avx2
endfront mcsafe_memset
#endif
func mcsafe__set_avx512, 0
	vpbroadcastb %esi, %zmm16
	cmpq	$63, left
	ja	.L64_and_more
	movq	$-1, %rax
	bzhiq	left, %rax, %rax		/* a bit for each byte */
	kmovq	%rax, %k1
	STORE_MASKED(.Lbytes, %edx, vmovdqu8, %zmm16, (dst))
	xorl	%eax, %eax
	ret

	.p2align 4
.L64_and_more:
	cmpq	$128, left
	ja	.L129_and_more
	STORE(.Lbytes, 64, vmovdqu64, %zmm16, (dst))
	STORE(.Lfault_64, 64, vmovdqu64, %zmm16, -64(dst,left))
	xorl	%eax, %eax
	ret

	.p2align 4
.L129_and_more:
	cmpq	$256, left
	ja	.L257_and_more
	STORE(.Lbytes, 64, vmovdqu64, %zmm16, (dst))
	STORE(.Lfault_64, 64, vmovdqu64, %zmm16, 64(dst))
	STORE(.Lfault_128, 64, vmovdqu64, %zmm16, -128(dst,left))
	STORE(.Lfault_last, 64, vmovdqu64, %zmm16, -64(dst,left))
	xorl	%eax, %eax
	ret

	/* Invariant: the first 128 bytes are stored, and all bytes before the last 64. */
.Lfault_last:
	movl	$128, %r8d
	leaq	-64(left), %rax
	cmpq	%rax, %r8
	cmovbq	%rax, %r8
	jmp	.Lfault_after
	/* Invariant: the first 128 bytes are stored, and no others. */
.Lfault_128:
	movl	$128, %r8d
	jmp	.Lfault_after
	/* Invariant: the first 64 bytes are stored, and no others. */
.Lfault_64:
	movl	$64, %r8d
.Lfault_after:
	addq	%r8, dst
	subq	%r8, left
	jmp	.Lbytes

	.p2align 4
.L257_and_more:
#define NAME mcsafe__set_avx512
#define SIZE 64
#define VECTOR %zmm16
#define MOVE_UNALIGNED vmovdqu64
#define MOVE_ALIGNED vmovdqa64
#include "set_long.inc"
endfunc mcsafe__set_avx512
