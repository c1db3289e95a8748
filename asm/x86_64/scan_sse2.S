/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan_sse2.S - look through memory that can fail: for a byte, or for a difference
 *
 *	size_t mcsafe__find_byte(const void *p, int c, size_t n, struct mcsafe_fault *fault);
 *	struct mcsafe__difference mcsafe__find_difference(const void *a, const void *b, size_t n,
 *							  struct mcsafe_fault *fault);
 *
 * mcsafe__find_byte() returns the number of bytes before the first byte c, or n or more if there is
 * none. mcsafe__find_difference() returns in %rax the number of bytes that are left from the first
 * that differs on, and in %rdx -1 if a is the lesser there, 1 if b is. If a load fails, *fault is
 * written, and the result counts up to, or from, the first byte that cannot be read. For
 * mcsafe__find_difference() the kind in *fault is then 1 for a and 2 for b.
 *
 * Needs	SSE2 (every x86-64)
 * Clobbers	%rax, %r8, %xmm0-%xmm2 and the argument registers; %r9-%r11 on a fault
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
 * Phases	head	the aligned vector that holds the byte at p; bytes before p do not count
 *		blocks	aligned vectors, until n bytes are compared
 *
 * Trace	n = 100, p % 16 = 13, and no byte is c: the head compares 3 bytes; done = 3
 *		.Lfind_byte_blocks: 7 vectors; done = 115, which is not less than n; returns 115
 */
#define done	%rax
#define record	%r8		/* only a fixup looks at it */

func mcsafe__find_byte
	xorl	%eax, %eax
	testq	%rdx, %rdx
	jz	.Lfind_byte_out
	movq	%rcx, record
	movzbl	%sil, %esi
	imull	$0x01010101, %esi, %esi
	movd	%esi, %xmm1
	pshufd	$0, %xmm1, %xmm1		/* c, sixteen times */

	movl	%edi, %ecx
	andl	$15, %ecx			/* bytes before p */
	subq	%rcx, %rdi
	LOAD(.Lfind_byte_fault_head, 16, movdqa, %xmm0, (%rdi))
	pcmpeqb	%xmm1, %xmm0
	pmovmskb %xmm0, %esi
	shrl	%cl, %esi
	testl	%esi, %esi
	jnz	.Lfind_byte_found
	movl	$16, %eax
	subl	%ecx, %eax

	.p2align 4
.Lfind_byte_blocks:
	cmpq	%rdx, done
	jae	.Lfind_byte_out
	addq	$16, %rdi
	LOAD(.Lfind_byte_fault, 16, movdqa, %xmm0, (%rdi))
	pcmpeqb	%xmm1, %xmm0
	pmovmskb %xmm0, %esi
	testl	%esi, %esi
	jnz	.Lfind_byte_found
	addq	$16, done
	jmp	.Lfind_byte_blocks

.Lfind_byte_found:
	bsfl	%esi, %esi
	addq	%rsi, done
.Lfind_byte_out:
	ret

	/* Invariant: nothing was compared. The byte at p is %rcx bytes further on. */
.Lfind_byte_fault_head:
	addq	%rcx, %rdi
	/* Invariant: "done" bytes from p on were compared, and the next, at %rdi, was not read. */
.Lfind_byte_fault:
	movq	%rdi, %rsi
	movq	record, %rcx
	stop_at_fault
endfunc mcsafe__find_byte
#undef record

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
