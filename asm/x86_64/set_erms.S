/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * set_erms.S - fill memory with one instruction
 *
 *	size_t mcsafe__set_erms(void *dst, int c, size_t n, struct mcsafe_fault *fault);
 *
 * Sets n bytes to the low byte of c, upwards, and returns how many were not set. *fault is written
 * only if that is not 0. The processor chooses how it stores, so builds with MCSAFE_DEBUG, where an
 * access must be visible, do not use this function.
 *
 * Needs	ERMS to be worth it (CPUID leaf 7, EBX bit 9); runs on every x86-64
 * Clobbers	%rax, %r8 and the argument registers; %r9-%r11 on a fault
 *
 * Phases	n >= 64		eight words; then dst goes on to a line, where REP STOSB is fastest
 *		rest		one REP STOSB
 *
 * Trace	n = 100, dst % 64 = 13: eight words; dst goes on by 51; REP STOSB with %rcx = 49
 *
 * On a fault	REP STOSB is restartable: at a fault %rcx is the number of bytes that are left, and
 *		%rdi is at the byte that failed (Intel SDM vol. 2, REP).
 */
#include "asm.h"

#define dst	%rdi
#define byte	%al
#define word	%rax		/* the byte, eight times */
#define left	%rcx		/* bytes from dst on */
#define record	%r8
#define head_end %rdx		/* past the bytes that the words have stored */

func mcsafe__set_erms
	movq	%rcx, record
	movabsq	$0x0101010101010101, %rcx
	movzbl	%sil, %eax
	imulq	%rcx, word
	movq	%rdx, left
	cmpq	$64, left
	jb	.Lshort
	STORE(.Lfault_word_0, 8, movq, word, (dst))
	STORE(.Lfault_word_1, 8, movq, word, 8(dst))
	STORE(.Lfault_word_2, 8, movq, word, 16(dst))
	STORE(.Lfault_word_3, 8, movq, word, 24(dst))
	STORE(.Lfault_word_4, 8, movq, word, 32(dst))
	STORE(.Lfault_word_5, 8, movq, word, 40(dst))
	STORE(.Lfault_word_6, 8, movq, word, 48(dst))
	STORE(.Lfault_word_7, 8, movq, word, 56(dst))
	leaq	64(dst), head_end
	addq	dst, left
	orq	$63, dst
	incq	dst
	subq	dst, left
	STORE_STRING(.Lfault_string, rep stosb)
	xorl	%eax, %eax
	ret
.Lshort:
	STORE_STRING(.Lfault, rep stosb)
	xorl	%eax, %eax
	ret

	/* Invariant: k words from dst on are stored. */
.Lfault_word_7:
	addq	$8, dst
	subq	$8, left
.Lfault_word_6:
	addq	$8, dst
	subq	$8, left
.Lfault_word_5:
	addq	$8, dst
	subq	$8, left
.Lfault_word_4:
	addq	$8, dst
	subq	$8, left
.Lfault_word_3:
	addq	$8, dst
	subq	$8, left
.Lfault_word_2:
	addq	$8, dst
	subq	$8, left
.Lfault_word_1:
	addq	$8, dst
	subq	$8, left

	/* Invariant: all bytes before dst are stored, and no others. A word can straddle into a bad
	 * page; REP STOSB stops at the very byte that fails. */
.Lfault_word_0:
	movq	dst, head_end
	STORE_STRING(.Lfault_string, rep stosb)
	xorl	%eax, %eax
	ret

	/* Invariant: all bytes before head_end are stored, and all bytes before dst. */
.Lfault_string:
	cmpq	head_end, dst
	jae	.Lfault
	addq	dst, left
	movq	head_end, dst
	subq	head_end, left
	jnz	.Lfault
	xorl	%eax, %eax			/* the words had stored all of it */
	ret

	/* Invariant: the byte at dst was not stored; all bytes before it are stored. */
.Lfault:
	movq	left, %rax
	movq	record, %rcx
	stop_at_fault
endfunc mcsafe__set_erms
