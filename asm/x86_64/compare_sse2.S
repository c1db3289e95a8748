/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * compare_sse2.S - compare two operands with 16-byte vectors
 *
 *	enum mcsafe_cause mcsafe__compare_sse2(const void *a, const void *b, size_t n,
 *					       struct mcsafe_comparison *result,
 *					       struct mcsafe_fault *fault);
 *
 * Does what mcsafe_memcmp() in mcsafe/scan.h promises.
 *
 * Needs	SSE2 (every x86-64)
 * Clobbers	%rax, %r8, %xmm0-%xmm4 and the argument registers; %r9-%r11 on a fault
 *
 * Phases	n < 16	single bytes
 *		lead	single bytes until a is a multiple of 16: 0 to 15
 *		blocks	16 bytes at a time: vectors, or single bytes where b crosses a line
 *		tail	single bytes: 0 to 15
 *
 * Loads	A vector load is aligned to 16, or, if it is of b, lies within a 64-byte line. Every
 *		other load is of one byte. So none crosses a line or a page. Each load holds a byte
 *		that must be compared, because the bytes before it did not decide.
 *
 * Trace	n = 100, a % 16 = 13, b % 64 = 0, no difference: 3 single bytes; left = 97
 *		b % 64 = 3: .Lvector compares 3 vectors; then b % 64 = 51 crosses a line: 16 single
 *		bytes; then 2 vectors, left = 1; 1 single byte; returns 0, *result = 100, 0, 0
 *
 * On a fault	A load is never repeated. It fails as a whole, and all of it lies in the page and in
 *		the line that is bad. So the first of its bytes that counts is the exact one.
 */
#include "asm.h"

#define a	%rdi
#define b	%rsi
#define left	%rdx		/* bytes from a on, and from b on */
#define result	%rcx
#define steps	%r8d		/* single bytes to go */

func mcsafe__compare_sse2
	movq	%r8, %xmm3			/* the record: only a fixup looks at it */
	movq	left, %xmm4			/* n */
	cmpq	$16, left
	jb	.Ltail
	movl	%edi, steps
	negl	steps
	andl	$15, steps			/* (16 - a mod 16) mod 16 */
	jz	.Lvector

.Lbyte:
	LOAD(.Lfault_a, 1, movb, %al, (a))
	LOAD(.Lfault_b, 1, cmpb, %al, (b))
	jne	.Ldifference
	incq	a
	incq	b
	decq	left
	decl	steps
	jnz	.Lbyte

.Lblocks:
	cmpq	$16, left
	jb	.Ltail
.Lvector:
	movl	%esi, %eax
	andl	$63, %eax
	cmpl	$48, %eax
	ja	.Lcrosses_a_line
	LOAD(.Lfault_a, 16, movdqa, %xmm0, (a))
	LOAD(.Lfault_b, 16, movdqu, %xmm1, (b))
	movdqa	%xmm0, %xmm2
	pcmpeqb	%xmm1, %xmm2
	pmovmskb %xmm2, %eax
	xorl	$0xffff, %eax
	jnz	.Lin_vector
	addq	$16, a
	addq	$16, b
	subq	$16, left
	jmp	.Lblocks
.Lcrosses_a_line:
	movl	$16, steps
	jmp	.Lbyte

.Ltail:
	movl	%edx, steps
	testq	left, left
	jnz	.Lbyte
	movq	%xmm4, %rax
	movq	%rax, MCSAFE_COMPARISON_EQUAL(result)
	movq	left, MCSAFE_COMPARISON_ORDER(result)	/* 0, and failed = 0 */
	xorl	%eax, %eax
	ret

.Lin_vector:
	bsfl	%eax, %eax
	subq	%rax, left
	pminub	%xmm0, %xmm1
	pcmpeqb	%xmm0, %xmm1			/* the bytes in which a is less, or equal */
	pmovmskb %xmm1, steps
	btl	%eax, steps
.Ldifference:
	sbbl	%esi, %esi			/* -1: carry, so a is less */
	orl	$1, %esi
	movq	%xmm4, %rax
	subq	left, %rax
	movq	%rax, MCSAFE_COMPARISON_EQUAL(result)
	movq	%rsi, MCSAFE_COMPARISON_ORDER(result)	/* and failed = 0 */
	xorl	%eax, %eax
	ret

	/* Invariant: all bytes before a and b are equal; the load that failed has read nothing. */
.Lfault_b:
	movl	$2, %edi
	jmp	.Lfailed
.Lfault_a:
	movq	a, %rsi
	movl	$1, %edi
.Lfailed:
	movq	%xmm4, %rax
	subq	left, %rax
	movq	%rax, MCSAFE_COMPARISON_EQUAL(result)
	movl	$0, MCSAFE_COMPARISON_ORDER(result)
	movl	%edi, MCSAFE_COMPARISON_FAILED(result)
	movq	%xmm3, %rcx
	stop_with_cause
endfunc mcsafe__compare_sse2
