/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * set_word.S - fill memory one aligned word at a time
 *
 *	size_t mcsafe__set_word(void *dst, int c, size_t n, struct mcsafe_fault *fault);
 *
 * Sets n bytes to the low byte of c, upwards, and returns how many were not set. *fault is
 * written only if that is not 0. The words are aligned at the destination.
 *
 * Needs	x86-64
 * Clobbers	%rax, %r8 and the argument registers; %r9-%r11 on a fault
 *
 * Phases	as in copy_word.S, with dst in the place of src
 *
 * Trace	n = 100, dst % 64 = 13: the lead sets 3 bytes, to a multiple of 8; left = 97
 *		.Lwords: 12 words; left = 1
 *		.Ltail: 1 byte; returns 0
 *
 * On a fault	%rdx counts the bytes that are not stored yet, and dst points at the first of them.
 *		Every store is aligned to its size. So it fails as a whole, and the result is exact.
 */
#include "asm.h"

#define dst	%rdi
#define left	%rdx		/* bytes not stored yet */
#define record	%rcx		/* only a fixup looks at it */
#define word	%rax
#define byte	%al
#define steps	%r8d		/* single bytes to go in "lead" */

func mcsafe__set_word
	movzbl	%sil, %eax
	movabsq	$0x0101010101010101, %r8
	imulq	%r8, word			/* the byte, eight times */
	cmpq	$8, left
	jb	.Ltail
	movl	%edi, steps
	negl	steps
	andl	$7, steps			/* (8 - dst mod 8) mod 8 */
	jz	.Lwords

.Llead:
	STORE(.Lfault, 1, movb, byte, (dst))
	incq	dst
	decq	left
	decl	steps
	jnz	.Llead
	cmpq	$8, left
	jb	.Ltail

.Lwords:
	STORE(.Lfault, 8, movq, word, (dst))
	addq	$8, dst
	subq	$8, left
	cmpq	$8, left
	jae	.Lwords

.Ltail:
	testq	left, left
	jz	.Lout
.Ltail_byte:
	STORE(.Lfault, 1, movb, byte, (dst))
	incq	dst
	decq	left
	jnz	.Ltail_byte
.Lout:
	movq	left, %rax
	ret

	/* Invariant: the byte or the word at dst was not stored. */
.Lfault:
	movq	left, %rax
	stop_at_fault
endfunc mcsafe__set_word
