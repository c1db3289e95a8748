/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_word.S - copy one aligned word at a time
 *
 *	size_t mcsafe__copy_word(void *dst, const void *src, size_t n,
 *				 struct mcsafe_fault *fault);
 *
 * Copies n bytes upwards and returns how many were not copied. *fault is written only if that is
 * not 0. The words are aligned at the source, so no load crosses a 64-byte line or a page. The
 * stores need not be aligned.
 *
 * Needs	x86-64
 * Clobbers	%rax, %r8 and the argument registers; %r9-%r11 on a fault
 *
 * Phases	short	n < 8: single bytes, the loop of "tail"
 *		lead	single bytes until src is a multiple of 8: 0 to 7
 *		words	8 bytes at a time while 8 are left
 *		tail	single bytes: 0 to 7
 *
 * Trace	n = 100, src % 64 = 13: the lead copies 3 bytes, to a multiple of 8; left = 97
 *		.Lwords: 12 words; left = 1
 *		.Ltail: 1 byte; returns 0
 *
 * On a fault	One invariant serves every phase: %rdx counts the bytes that are not stored yet, and
 *		src and dst point at the first of them. So %rdx is the result wherever a fault
 *		happens.
 *		- A load is never repeated. A byte load is exact. A word load fails as a whole, and
 *		  all of it lies in the page and in the line that is bad. So it is exact too.
 *		- A word store can straddle into a bad page. The processor stores all of it or
 *		  nothing. So the word in %rax is stored again byte by byte, up to the exact byte
 *		  that fails. The source is not read.
 */
#include "asm.h"

#define dst	%rdi
#define src	%rsi
#define left	%rdx		/* bytes not stored yet */
#define record	%rcx		/* only a fixup looks at it */
#define word	%rax
#define byte	%al
#define steps	%r8d		/* single bytes to go in "lead" and in the fixup of a word store */

func mcsafe__copy_word
	cmpq	$8, left
	jb	.Ltail
	movl	%esi, steps
	negl	steps
	andl	$7, steps			/* (8 - src mod 8) mod 8 */
	jz	.Lwords

.Llead:
	LOAD(.Lfault_load, 1, movb, byte, (src))
	STORE(.Lfault_store_byte, 1, movb, byte, (dst))
	incq	src
	incq	dst
	decq	left
	decl	steps
	jnz	.Llead
	cmpq	$8, left
	jb	.Ltail

	.p2align 4				/* the loop fits one 32-byte fetch window */
.Lwords:
	LOAD(.Lfault_load, 8, movq, word, (src))
	STORE(.Lfault_store_word, 8, movq, word, (dst))
	addq	$8, src
	addq	$8, dst
	subq	$8, left
	cmpq	$8, left
	jae	.Lwords

.Ltail:
	testq	left, left
	jz	.Lout
.Ltail_byte:
	LOAD(.Lfault_load, 1, movb, byte, (src))
	STORE(.Lfault_store_byte, 1, movb, byte, (dst))
	incq	src
	incq	dst
	decq	left
	jnz	.Ltail_byte
.Lout:
	movq	left, %rax
	ret

	/* Invariant: the byte or the word at src was not read, and none of its bytes are stored. */
.Lfault_load:
	/* Invariant: the single byte at dst was not stored. */
.Lfault_store_byte:
	movq	left, %rax
	stop_at_fault

	/* Invariant: word holds the 8 bytes from src on, and none of them is stored. */
.Lfault_store_word:
	movl	$8, steps
.Lagain_byte:
	STORE(.Lfault_store_byte, 1, movb, byte, (dst))
	shrq	$8, word
	incq	src
	incq	dst
	decq	left
	decl	steps
	jnz	.Lagain_byte
	/* All 8 are stored: the cause of the fault is gone. 8 bytes further on, so this ends. */
	cmpq	$8, left
	jae	.Lwords
	jmp	.Ltail
endfunc mcsafe__copy_word
