/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan_sse2.S - look through memory that can fail: for a byte, or for a difference
 *
 *	enum mcsafe_cause mcsafe__scan_sse2(const void *s, int c, size_t n, size_t *at,
 *					    struct mcsafe_fault *fault);
 *	struct mcsafe__difference mcsafe__find_difference(const void *a, const void *b, size_t n,
 *							  struct mcsafe_fault *fault);
 *
 * mcsafe__scan_sse2() stores in *at the number of bytes before the first byte c, or n if there is
 * none, and returns MCSAFE_CAUSE_NONE. If a load fails, *at is the number of bytes before the first
 * one that cannot be read; *fault is written, and the cause is returned.
 *
 * mcsafe__find_difference() returns in %rax the number of bytes that are left from the first that
 * differs on, and in %rdx -1 if a is the lesser there, 1 if b is. If a load fails, *fault is
 * written, and the result counts from the first byte that cannot be read. The side in *fault is
 * then 1 for a and 2 for b.
 *
 * Needs	SSE2 (every x86-64)
 * Clobbers	%rax, %r8, %xmm0-%xmm2 and the argument registers; %r9-%r11
 *
 * Loads	A vector load is aligned to 16, or, if it is of b, lies within a 64-byte line. Every
 *		other load is of one byte. So none crosses a line or a page. Each load holds a byte
 *		that must be compared, because the bytes before it did not decide.
 *
 * On a fault	A load is never repeated. It fails as a whole, and all of it lies in the page and in
 *		the line that is bad. So the first of its bytes that counts is the exact one.
 */
#include "asm.h"

/*
 * Phases	head	the aligned vector that holds the byte at s; bytes before s do not count
 *		blocks	aligned vectors, until n bytes are compared
 *
 * Trace	n = 100, s % 16 = 13, and no byte is c: the head compares 3 bytes; done = 3
 *		.Lscan_blocks: 7 vectors; done = 115, which is not less than n; *at = 100
 */
#define s	%rdi
#define n	%rdx
#define at	%rcx
#define record	%r8
#define done	%rax		/* bytes from s on that are compared */
#define vector	%rsi

func mcsafe__scan_sse2
	xorl	%eax, %eax
	testq	n, n
	jz	.Lscan_out
	movzbl	%sil, %r9d
	imull	$0x01010101, %r9d, %r9d
	movd	%r9d, %xmm1
	pshufd	$0, %xmm1, %xmm1		/* c, sixteen times */

	movq	s, vector
	andq	$-16, vector
	LOAD(.Lscan_fault, 16, movdqa, %xmm0, (vector))
	pcmpeqb	%xmm1, %xmm0
	pmovmskb %xmm0, %r9d
	movl	%edi, %r10d
	andl	$15, %r10d			/* bytes before s */
	xorl	%r11d, %r11d
	btsl	%r10d, %r11d
	negl	%r11d
	andl	%r11d, %r9d			/* without these bytes */
	jnz	.Lscan_found
	leaq	16(vector), done
	subq	s, done

	.p2align 4
.Lscan_blocks:
	cmpq	n, done
	jae	.Lscan_not_found
	addq	$16, vector
	LOAD(.Lscan_fault, 16, movdqa, %xmm0, (vector))
	pcmpeqb	%xmm1, %xmm0
	pmovmskb %xmm0, %r9d
	testl	%r9d, %r9d
	jnz	.Lscan_found
	addq	$16, done
	jmp	.Lscan_blocks

.Lscan_found:
	bsfl	%r9d, %r9d
	leaq	(vector,%r9), done
	subq	s, done
	cmpq	n, done
	jb	.Lscan_out
.Lscan_not_found:
	movq	n, %rax
.Lscan_out:
	movq	%rax, (at)
	xorl	%eax, %eax
	ret

	/* Invariant: "done" bytes from s on were compared, and the next was not read. */
.Lscan_fault:
	movq	done, (at)
	leaq	(s,done), %rsi
	movq	record, %rcx
	stop_with_cause
endfunc mcsafe__scan_sse2
#undef s
#undef n
#undef at
#undef record
#undef done
#undef vector

/*
 * Phases	n < 16	single bytes
 *		lead	single bytes until a is a multiple of 16: 0 to 15
 *		blocks	16 bytes at a time: vectors, or single bytes where b crosses a line
 *		tail	single bytes: 0 to 15
 *
 * Trace	n = 100, a % 16 = 13, b % 64 = 0, no difference: 3 single bytes; left = 97
 *		b % 64 = 3: .Ldifference_vector compares 3 vectors; then b % 64 = 51 crosses a line
 *		16 single bytes; then 2 vectors, left = 1; 1 single byte; returns 0
 */
#define a	%rdi
#define b	%rsi
#define left	%rdx		/* bytes from a on, and from b on */
#define record	%rcx		/* only a fixup looks at it */
#define steps	%r8d		/* single bytes to go */

func mcsafe__find_difference
	cmpq	$16, left
	jb	.Ldifference_tail
	movl	%edi, steps
	negl	steps
	andl	$15, steps			/* (16 - a mod 16) mod 16 */
	jz	.Ldifference_vector

.Ldifference_byte:
	LOAD(.Ldifference_fault, 1, movb, %al, (a))
	LOAD(.Ldifference_fault_b, 1, cmpb, %al, (b))
	jne	.Ldifference_found
	incq	a
	incq	b
	decq	left
	decl	steps
	jnz	.Ldifference_byte

.Ldifference_blocks:
	cmpq	$16, left
	jb	.Ldifference_tail
.Ldifference_vector:
	movl	%esi, %eax
	andl	$63, %eax
	cmpl	$48, %eax
	ja	.Ldifference_crosses
	LOAD(.Ldifference_fault, 16, movdqa, %xmm0, (a))
	LOAD(.Ldifference_fault_b, 16, movdqu, %xmm1, (b))
	movdqa	%xmm0, %xmm2
	pcmpeqb	%xmm1, %xmm2
	pmovmskb %xmm2, %eax
	xorl	$0xffff, %eax
	jnz	.Ldifference_in_vector
	addq	$16, a
	addq	$16, b
	subq	$16, left
	jmp	.Ldifference_blocks
.Ldifference_crosses:
	movl	$16, steps
	jmp	.Ldifference_byte

.Ldifference_tail:
	movl	%edx, steps
	testq	left, left
	jnz	.Ldifference_byte
	xorl	%eax, %eax
	ret

.Ldifference_in_vector:
	bsfl	%eax, %eax
	subq	%rax, left
	pminub	%xmm0, %xmm1
	pcmpeqb	%xmm0, %xmm1			/* the bytes in which a is the lesser, or equal */
	pmovmskb %xmm1, steps
	btl	%eax, steps
.Ldifference_found:
	movq	left, %rax
	sbbl	%edx, %edx			/* carry: a is the lesser */
	orl	$1, %edx
	ret

	/* Invariant: all bytes before a and b are equal; the load that failed has read nothing. */
.Ldifference_fault_b:
	/* The kind: 2 instead of 1. */
	addq	$(MCSAFE_ROW_STORE - MCSAFE_ROW_LOAD) << 16, %r11
.Ldifference_fault:
	xchgq	a, b				/* the operand of kind 1 is at %rsi */
	movq	left, %rax
	stop_at_fault
endfunc mcsafe__find_difference
