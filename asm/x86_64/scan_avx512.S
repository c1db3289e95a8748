/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan_avx512.S - find a byte, a line of 64 bytes at a time
 *
 *	enum mcsafe_cause mcsafe__scan_avx512(const void *s, int c, size_t n, size_t *at,
 *					      struct mcsafe_fault *fault);
 *	enum mcsafe_cause mcsafe_memchr(const void *s, int c, size_t n, size_t *at,
 *					struct mcsafe_fault *fault);
 *	enum mcsafe_cause mcsafe_strnlen(const char *s, size_t max, size_t *length,
 *					 struct mcsafe_fault *fault);
 *
 * Stores in *at the number of bytes before the first byte c, or n if there is none, and returns
 * MCSAFE_CAUSE_NONE. If a load fails whose bytes are needed, *at is the number of bytes before the
 * first one that cannot be read; *fault is written, and the cause is returned. mcsafe_memchr() is
 * this function if the engine in use has it, and mcsafe_strnlen() is mcsafe_memchr() with c = 0.
 *
 * Needs	AVX512F and AVX512BW (CPUID leaf 7, EBX bits 16 and 30; XCR0 bits 1, 2 and 5 to 7),
 *		BMI1 and BMI2 (EBX bits 3 and 8)
 * Clobbers	%rax, %rsi, zmm16, %k1, %k2, %r9-%r11. zmm16 has no legacy part, so nothing has to
 *		be cleared for the caller (no VZEROUPPER).
 *
 * Loads	Each load is of one aligned line that holds a byte of [s, s + n). Except for the
 *		first line, no line is read before it is known that the lines before it do not hold
 *		c: so memory past the byte that is found may be bad. Where that would need a branch
 *		that no predictor learns, the address of the second line becomes that of the first
 *		again.
 *
 * Phases	n <= 64		the first line, and the line of the last byte, which may be the same
 *				or the next. The masks of both make one: bit i is for s + i.
 *		n > 64		the first two lines before the first branch; then
 *		.Lturn		four lines a turn; then
 *		.Lrest		the last one to three lines
 *
 * Trace	n = 100, s % 64 = 13, no byte is c: %rax is the first line, with 51 bytes from s on,
 *		and %rsi the second. No bit is set in either. left = 100 - 51 - 64 < 0: *at = 100
 *
 * On a fault	A load fails as a whole, and all of its line lies in the page that is bad, or is the
 *		line that is bad. So the first of its bytes that counts is the exact one. Nothing is
 *		read twice.
 */
#include "asm.h"

#define s	%rdi
#define n	%rdx
#define at	%rcx
#define record	%r8
#define line	%rsi		/* the last line that was compared */
#define mask	%rax		/* n <= 64: a bit for each byte from s on that is c */
#define left	%rax		/* n > 64: bytes past the end of "line" */

/* A compare with the vector in memory sets a bit of the mask for each byte that is c. */
#define INTO_K1	%zmm16, %k1
#define INTO_K2	%zmm16, %k2

/*
 * Return, with the result.
 * In: %rax, the number of bytes before c, or n or more
 * Out: returns from the function
 */
.macro	found
	cmpq	%rax, n
	cmovbq	n, %rax
	movq	%rax, (at)
	xorl	%eax, %eax
	ret
.endm

/*
 * Compare line k of a turn, and go to .Lfound_k if it holds c. KMOVQ and TEST rather than KORTEST,
 * which takes two thirds longer on AMD family 1Ah.
 * In: line, zmm16
 * Out: %r9, a bit for each byte of the line
 * Changes: %k1, flags
 */
.macro	compare_line k
	LOAD(.Lfault_turn_\k, 64, vpcmpeqb, INTO_K1, 64*(\k)+64(line))
	kmovq	%k1, %r9
	testq	%r9, %r9
	jnz	.Lfound_\k
.endm

#ifndef MCSAFE_MSAN
front mcsafe_strnlen
	/* The arguments of mcsafe_memchr(), which follows. */
	movq	%rcx, record
	movq	%rdx, at
	movq	%rsi, n
	xorl	%esi, %esi
endfront mcsafe_strnlen
	.p2align 4
front mcsafe_memchr, 0
	enter_if_below MCSAFE_ENTRY_SCAN_AVX512, n, mcsafe__memchr_avx2
endfront mcsafe_memchr
#endif
func mcsafe__scan_avx512, 0
	vpbroadcastb %esi, %zmm16
	leaq	-1(n), line			/* -1 for n = 0, which goes with the longest */
	movq	s, %rax
	andq	$-64, %rax
	cmpq	$63, line
	ja	.L0_or_65_and_more
	addq	s, line
	andq	$-64, line			/* of the last byte */
	LOAD(.Lfault_first, 64, vpcmpeqb, INTO_K1, (%rax))
	kmovq	%k1, %r9
	shrxq	s, %r9, %r9			/* SHRX uses the lower 6 bits of its count */
	testq	%r9, %r9
	cmovnzq	%rax, line
	movq	%r9, mask
	LOAD(.Lfault_last, 64, vpcmpeqb, INTO_K2, (line))
	kmovq	%k2, %r9
	movl	%edi, %r10d
	negl	%r10d
	shlxq	%r10, %r9, %r9			/* up by (64 - s mod 64) mod 64 */
	orq	%r9, mask
	tzcntq	mask, %rax			/* 64 if no bit is set */
	found

	/*
	 * The shift up is right also if both are the same line. The bits from s on leave the mask
	 * at its end, or, if s is a multiple of 64, are in it already. The bits before s become the
	 * highest ones. They stand for bytes past the end of this line, where [s, s + n) has none.
	 * So "found" takes n instead.
	 */

	.p2align 5
.L0_or_65_and_more:
	testq	n, n
	jz	.Lnot_found
	LOAD(.Lfault_first, 64, vpcmpeqb, INTO_K1, (%rax))
	kmovq	%k1, %r9
	leaq	64(%rax), line
	shrxq	s, %r9, %r9
	testq	%r9, %r9
	cmovnzq	%rax, line
	movq	%r9, mask
	LOAD(.Lfault_second, 64, vpcmpeqb, INTO_K2, (line))
	kmovq	%k2, %r9
	movl	%edi, %r10d
	orl	$-64, %r10d
	negl	%r10d				/* bytes of s in the first line */
	xorl	%r11d, %r11d
	testq	mask, mask
	cmovzq	%r9, mask
	cmovzq	%r10, %r11
	tzcntq	mask, mask
	jc	.Lthird_line			/* no bit is set */
	addq	%r11, %rax
	found

	.p2align 4
.Lthird_line:
	movq	n, left
	subq	%r10, left			/* more than 0 */
	subq	$64, left
	jbe	.Lnot_found
	subq	$192, left			/* for a turn, all four lines must hold bytes */
	ja	.Lturn
.Lrest:
	addq	$192, left			/* from -255 to 192 */
	jle	.Lnot_found
	compare_line 0
	subq	$64, left
	jbe	.Lnot_found
	compare_line 1
	subq	$64, left
	jbe	.Lnot_found
	compare_line 2
.Lnot_found:
	movq	n, (at)
	xorl	%eax, %eax
	ret

	.p2align 5
.Lturn:
	compare_line 0
	compare_line 1
	compare_line 2
	compare_line 3
	addq	$256, line
	subq	$256, left
	ja	.Lturn
	jmp	.Lrest

.Lfound_3:
	addq	$64, line
.Lfound_2:
	addq	$64, line
.Lfound_1:
	addq	$64, line
.Lfound_0:
	addq	$64, line
	tzcntq	%r9, %rax
	subq	s, line
	addq	line, %rax
	found

	/* Invariant: nothing was compared. */
.Lfault_first:
	xorl	%eax, %eax
	jmp	.Lstop

	/*
	 * Invariant: the first line was compared, and "mask" is what was found in it. If that is
	 * not 0, the load that failed was the first line again, and nothing past it is needed.
	 */
.Lfault_last:
.Lfault_second:
	tzcntq	mask, %rax
	jnc	.Lfault_after_answer
	movl	%edi, %eax
	orl	$-64, %eax
	negl	%eax				/* bytes of s in the first line */
	cmpq	n, %rax
	jb	.Lstop
	/* Invariant: the bytes that were compared are all that is needed; %rax is the answer. */
.Lfault_after_answer:
	found

	/* Invariant: "line" and the k lines after it were compared, and none of them holds c. */
.Lfault_turn_3:
	addq	$64, line
.Lfault_turn_2:
	addq	$64, line
.Lfault_turn_1:
	addq	$64, line
.Lfault_turn_0:
	leaq	64(line), %rax
	subq	s, %rax

	/* Invariant: %rax bytes from s on were compared, and none is c. The next was not read. */
.Lstop:
	movq	%rax, (at)
	leaq	(s,%rax), %rsi
	movq	record, %rcx
	stop_with_cause
endfunc mcsafe__scan_avx512
