/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * set_vector.h - the function of set_sse2.S and of set_avx2.S
 *
 * Phases	n < 16		two stores of 8, 4 or 2 bytes that overlap, or one byte
 *		n <= 2 sizes	two vectors that overlap
 *		n <= 4 sizes	two vectors from the start, and two up to the end
 *		more	head	one vector; then dst is a multiple of its size
 *			blocks	four aligned vectors
 *			tail	four vectors up to the end
 *
 * On a fault	%rdi and %rdx stand at the start of the group of vectors that is being stored, and
 *		all before it is stored. %r8 is how many bytes are not stored: less than %rdx if the
 *		group overlaps what is. If memory fails there that could be written a moment
 *		before, the count is not to fall behind that.
 *		A vector can straddle into a bad page, and the processor stores all of it or
 *		nothing. So its bytes are stored one by one, up to the exact one that fails. If none
 *		does, what forbade the store is gone, and the function begins again behind it.
 */
#include "asm.h"

#define dst	%rdi
#define byte	%sil		/* is kept, for the fixups */
#define left	%rdx		/* bytes from dst on */
#define landing	%rcx		/* only a fixup looks at it */
#define unset	%r8		/* bytes that are not stored, while vectors are; then a count */

/* Go on to the last \size bytes. What is set of them by now may be more than all before dst. */
.macro	to_last size
	cmpq	left, unset
	cmovaq	left, unset
	leaq	-\size(dst,left), dst
	movl	$\size, %edx
.endm

/*
 * \vector is the register for \size bytes; \move stores it anywhere, \move_aligned where its size
 * asks. The macros "fill_16" and "fill_vector" put the byte into all of %xmm0 and of \vector, and
 * "clean" leaves the upper halves of YMM registers clean.
 */
.macro	set_function name, size, vector, move, move_aligned
func \name
	cmpq	$16, left
	jb	.Lup_to_15
	movq	left, unset
	fill_16
	.if	\size > 16
	cmpq	$32, left
	ja	.Lvectors
	STORE(.Lfault_0, 16, vmovdqu, %xmm0, (dst))
	STORE(.Lfault_16, 16, vmovdqu, %xmm0, -16(dst,left))
	xorl	%eax, %eax
	ret
.Lvectors:
	.endif
	fill_vector
	cmpq	$2*\size, left
	jbe	.Ltwo
	STORE(.Lfault_0, \size, \move, \vector, (dst))
	cmpq	$4*\size, left
	ja	.Lmany
	STORE(.Lfault_1, \size, \move, \vector, \size(dst))
	addq	$2*\size, dst
	subq	$2*\size, left
	to_last	2*\size
.Ltwo:
	STORE(.Lfault_0, \size, \move, \vector, (dst))
	STORE(.Lfault_1, \size, \move, \vector, -\size(dst,left))
	clean
	xorl	%eax, %eax
	ret

.Lmany:
	subq	$\size, unset
	movl	%edi, %eax
	andl	$\size-1, %eax
	subq	$\size, %rax			/* on by 1 to a size until dst is a multiple of it */
	subq	%rax, dst
	addq	%rax, left
	cmpq	$4*\size, left
	jbe	.Ltail
	.p2align 5
.Lblocks:
	STORE(.Lfault_0, \size, \move_aligned, \vector, (dst))
	STORE(.Lfault_1, \size, \move_aligned, \vector, \size(dst))
	STORE(.Lfault_2, \size, \move_aligned, \vector, 2*\size(dst))
	STORE(.Lfault_3, \size, \move_aligned, \vector, 3*\size(dst))
	addq	$4*\size, dst
	subq	$4*\size, left
	cmpq	$4*\size, left
	ja	.Lblocks
.Ltail:
	to_last	4*\size
	STORE(.Lfault_0, \size, \move, \vector, (dst))
	STORE(.Lfault_1, \size, \move, \vector, \size(dst))
	STORE(.Lfault_2, \size, \move, \vector, 2*\size(dst))
	STORE(.Lfault_3, \size, \move, \vector, 3*\size(dst))
	clean
	xorl	%eax, %eax
	ret

.Lup_to_15:
	movzbl	byte, %eax
	movabsq	$0x0101010101010101, %r8
	imulq	%r8, %rax			/* the byte, eight times */
	cmpl	$8, %edx
	jb	.Lup_to_7
	STORE(.Lfault_small, 8, movq, %rax, (dst))
	STORE(.Lfault_last_8, 8, movq, %rax, -8(dst,left))
	xorl	%eax, %eax
	ret
.Lup_to_7:
	cmpl	$4, %edx
	jb	.Lup_to_3
	STORE(.Lfault_small, 4, movl, %eax, (dst))
	STORE(.Lfault_last_4, 4, movl, %eax, -4(dst,left))
	xorl	%eax, %eax
	ret
.Lup_to_3:
	cmpl	$2, %edx
	jb	.Lup_to_1
	STORE(.Lfault_small, 2, movw, %ax, (dst))
	STORE(.Lfault_last_2, 2, movw, %ax, -2(dst,left))
	xorl	%eax, %eax
	ret
.Lup_to_1:
	testl	%edx, %edx
	jz	.Lnothing
	STORE(.Lfault_byte, 1, movb, byte, (dst))
.Lnothing:
	xorl	%eax, %eax
	ret

	/* Invariant: the first store of as many bytes is done, the last one is not. */
.Lfault_last_8:
	addq	$4, dst
	subq	$4, left
.Lfault_last_4:
	addq	$2, dst
	subq	$2, left
.Lfault_last_2:
	addq	$2, dst
	subq	$2, left
	jmp	.Lfault_small

	/* Invariant: k vectors of the group are stored. */
.Lfault_3:
	addq	$\size, dst
	subq	$\size, left
.Lfault_2:
	addq	$\size, dst
	subq	$\size, left
.Lfault_1:
	.if	\size > 16
	addq	$\size-16, dst
	subq	$\size-16, left
.Lfault_16:
	.endif
	addq	$16, dst
	subq	$16, left
.Lfault_0:
	cmpq	unset, left
	jbe	.Lfault_small
	addq	left, dst
	subq	unset, dst
	movq	unset, left

	/*
	 * Invariant: all before dst is stored; no more than \size bytes behind it were tried. None are
	 * left if two stores were of the same bytes, and the second failed.
	 */
.Lfault_small:
	note_fault landing
	clean
	testq	left, left
	jz	.Lnothing
	movl	$\size, %r8d
.Lagain_byte:
	STORE(.Lfault_byte, 1, movb, byte, (dst))
	incq	dst
	decq	left
	jz	.Lnothing
	decl	%r8d
	jnz	.Lagain_byte
	jmp	\name

	/* Invariant: the byte at dst was not stored, and all before it was. */
.Lfault_byte:
	note_fault landing
	movq	left, %rax
	ret
endfunc \name
.endm
