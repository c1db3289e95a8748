/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan_sse2.S - look for a byte through memory that can fail
 *
 *	size_t mcsafe__find_byte(const void *p, int c, size_t n, struct mcsafe_fault *fault);
 *
 * Returns the number of bytes before the first byte c, or n or more if there is none. If a load
 * fails, *fault is written, and the result counts up to the first byte that cannot be read.
 *
 * Needs	SSE2 (every x86-64)
 * Clobbers	%rax, %r8, %xmm0-%xmm2 and the argument registers; %r9-%r11 on a fault
 *
 * Loads	A load is aligned to 16, so none crosses a line. Each holds a byte that must be
 *		compared, because the bytes before it did not decide.
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
