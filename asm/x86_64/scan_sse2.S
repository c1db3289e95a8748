/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan_sse2.S - look for a byte through memory that can fail
 *
 *	enum mcsafe_cause mcsafe__scan_sse2(const void *s, int c, size_t n, size_t *at,
 *					    struct mcsafe_fault *fault);
 *
 * Stores in *at the number of bytes before the first byte c, or n if there is none, and returns
 * MCSAFE_CAUSE_NONE. If a load fails, *at is the number of bytes before the first one that cannot
 * be read; *fault is written, and the cause is returned.
 *
 * Needs	SSE2 (every x86-64)
 * Clobbers	%rax, %r8, %xmm0-%xmm2 and the argument registers; %r9-%r11
 *
 * Loads	A load is aligned to 16, so none crosses a line. Each holds a byte that must be
 *		compared, because the bytes before it did not decide.
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
