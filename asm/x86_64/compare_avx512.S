/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * compare_avx512.S - compare two operands with 64-byte vectors
 *
 *	enum mcsafe_cause mcsafe__compare_avx512(const void *a, const void *b, size_t n,
 *						 struct mcsafe_comparison *result,
 *						 struct mcsafe_fault *fault);
 *
 * Does what mcsafe_memcmp() in mcsafe/scan.h promises.
 *
 * Needs	AVX512F, AVX512BW and AVX512_VBMI (CPUID leaf 7, EBX bits 16 and 30, ECX bit 1; XCR0
 *		bits 1, 2 and 5 to 7), BMI1 and BMI2 (EBX bits 3 and 8)
 * Clobbers	%rax, %r9-%r11, zmm16-zmm27, %k1-%k7 and the argument registers. The vector
 *		registers have no legacy part, so nothing has to be cleared for the caller (no
 *		VZEROUPPER).
 *
 * Phases	n <= 64		one window of each operand: the 64 bytes from its start. A window
 *				lies in one or two lines, and a permutation of both makes it. If the
 *				operand ends in its first line, that is loaded twice.
 *		n <= 128	two windows of each operand. The last line of one that lies in two
 *				lines is loaded twice. Nothing branches on an alignment, nor on
 *				where the difference is: in short comparisons of unpredictable
 *				operands, a branch costs more than all the rest.
 *		n > 128		compare_lines.inc
 *
 * Loads	Each load is of one aligned line that holds a byte of its operand. Of two bytes with
 *		the same index, that of a is loaded first. All lines of a short comparison are read,
 *		whatever they hold.
 *
 * Trace	n = 20, a % 64 = 50, b % 64 = 0: loads two lines of a, and a line of b twice; bytes
 *		0 to 13 of a's window are of its first line, 14 to 63 of its second, and bytes 0 to
 *		19 count
 *
 * On a fault	The lines before the one that failed are in registers. So n is cut to the bytes
 *		before the failed line, and these are compared: if they differ, that is the answer.
 *		The line is not read again.
 */
#include "asm.h"

#define a	%rdi
#define b	%rsi
#define n	%rdx
#define result	%rcx
#define record	%r8		/* only a fixup looks at it */

	.section .rodata.mcsafe_compare_lanes, "a", @progbits
	.p2align 6
	.type	lanes, @object
lanes:
	.byte	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.byte	16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	.byte	32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47
	.byte	48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63
	.size	lanes, . - lanes
	.text

/*
 * The permutations that make windows of the lines of a and b.
 * In: a, b
 * Out: zmm18 for a, zmm19 for b
 * Changes: %r9, flags
 */
.macro	find_windows
	movl	%edi, %r9d
	andl	$63, %r9d
	vpbroadcastb %r9d, %zmm18
	vpaddb	lanes(%rip), %zmm18, %zmm18
	movl	%esi, %r9d
	andl	$63, %r9d
	vpbroadcastb %r9d, %zmm19
	vpaddb	lanes(%rip), %zmm19, %zmm19
.endm

/* The window that begins in the line in a register, and ends in the line that is loaded. */
#define WINDOW_OF_A(line) %zmm18, line
#define WINDOW_OF_B(line) %zmm19, line

/*
 * In: zmm16 and zmm17, the first windows of a and of b; zmm20 and zmm21, the second ones
 * Out: %rax, the index of the first byte that differs, or more; %r9: a bit for each byte of the
 *	window that it is in, 1 if a is less
 * Changes: %r10, %r11, %k1-%k4, flags
 */
.macro	compare_two_windows
	vpcmpub	$4, %zmm17, %zmm16, %k1		/* not equal */
	vpcmpub	$1, %zmm17, %zmm16, %k2		/* a is less */
	vpcmpub	$4, %zmm21, %zmm20, %k3
	vpcmpub	$1, %zmm21, %zmm20, %k4
	kmovq	%k1, %rax
	kmovq	%k2, %r9
	kmovq	%k3, %r10
	kmovq	%k4, %r11
	tzcntq	%r10, %r10
	leaq	64(%r10), %r10
	tzcntq	%rax, %rax			/* carry: the first windows are equal */
	cmovcq	%r10, %rax
	cmovcq	%r11, %r9
.endm

/*
 * Return, with the result. Up to here nothing has branched on it.
 * In: %rax and %r9 of the comparison; n
 * Out: returns from the function
 */
.macro	answer
	btq	%rax, %r9			/* BT uses the lower 6 bits of the index */
	sbbl	%r9d, %r9d			/* -1: a is less */
	orl	$1, %r9d
	xorl	%r10d, %r10d
	cmpq	n, %rax
	cmovaeq	n, %rax
	cmovaeq	%r10, %r9
	movq	%rax, MCSAFE_COMPARISON_EQUAL(result)
	movq	%r9, MCSAFE_COMPARISON_ORDER(result)	/* and failed = 0 */
	xorl	%eax, %eax
	ret
.endm

/*
 * The bytes of an operand before the end of its first line: 1 to 64.
 * In: \low, the lower half of its address
 * Out: %eax
 * Changes: flags
 */
.macro	before_second_line low
	movl	\low, %eax
	notl	%eax
	andl	$63, %eax
	incl	%eax
.endm

func mcsafe__compare_avx512
	leaq	-1(n), %rax			/* -1 for n = 0, which goes with the longest */
	cmpq	$63, %rax
	ja	.L65_and_more
	find_windows
	movq	a, %rax
	andq	$-64, %rax
	LOAD(.Lfault_a_first, 64, vmovdqa64, %zmm16, (%rax))
	movq	b, %rax
	andq	$-64, %rax
	LOAD(.Lfault_b_first, 64, vmovdqa64, %zmm17, (%rax))
	leaq	-1(a,n), %rax
	andq	$-64, %rax
	LOAD(.Lfault_a_second, 64, vpermt2b, WINDOW_OF_A(%zmm16), (%rax))
.Lwindow_of_a:
	leaq	-1(b,n), %rax
	andq	$-64, %rax
	LOAD(.Lfault_b_second, 64, vpermt2b, WINDOW_OF_B(%zmm17), (%rax))
.Lwindows:
	vpcmpub	$4, %zmm17, %zmm16, %k1		/* not equal */
	vpcmpub	$1, %zmm17, %zmm16, %k2		/* a is less */
	kmovq	%k1, %rax
	kmovq	%k2, %r9
	tzcntq	%rax, %rax
	answer

	.p2align 6
.L65_and_more:
	cmpq	$127, %rax
	ja	.Lcompare_lines
	find_windows
	movq	a, %rax
	andq	$-64, %rax
	LOAD(.Lfault_a_first, 64, vmovdqa64, %zmm16, (%rax))
	movq	b, %rax
	andq	$-64, %rax
	LOAD(.Lfault_b_first, 64, vmovdqa64, %zmm17, (%rax))
	movq	a, %rax
	andq	$-64, %rax
	LOAD(.Lfault_a_second, 64, vmovdqa64, %zmm20, 64(%rax))
	movq	b, %rax
	andq	$-64, %rax
	LOAD(.Lfault_b_middle, 64, vmovdqa64, %zmm21, 64(%rax))
	vpermt2b %zmm20, %zmm18, %zmm16
	vpermt2b %zmm21, %zmm19, %zmm17
	leaq	-1(a,n), %rax
	andq	$-64, %rax
	LOAD(.Lfault_a_last, 64, vpermt2b, WINDOW_OF_A(%zmm20), (%rax))
.Ltwo_windows_of_a:
	leaq	-1(b,n), %rax
	andq	$-64, %rax
	LOAD(.Lfault_b_last, 64, vpermt2b, WINDOW_OF_B(%zmm21), (%rax))
.Ltwo_windows:
	compare_two_windows
.Lanswer:
	answer

/* zmm18 is the permutation that brings the bytes of b to the lanes of a. */
.macro	turn_setup
	vpbroadcastb %r10d, %zmm18
	vpaddb	lanes(%rip), %zmm18, %zmm18
.endm
#define TURNED(reg) %zmm18, reg
#define LOAD_TURNED(fixup, reg, ...) LOAD(fixup, 64, vpermb, TURNED(reg), __VA_ARGS__)
#include "compare_lines.inc"

	/* Invariant: nothing was compared, and the first byte of a, or of b, was not read. */
.Lfault_a_first:
	xorl	%eax, %eax
	jmp	.La_failed
.Lfault_b_first:
	xorl	%eax, %eax
	jmp	.Lb_failed

	/*
	 * Invariant: zmm16 and zmm17 are the first lines of a and of b. No other line was read. If
	 * all n bytes of a lie in its first line, this is the line that was loaded again.
	 */
.Lfault_a_second:
	before_second_line %edi
	vpermt2b %zmm16, %zmm18, %zmm16
	cmpq	n, %rax
	jae	.Lwindow_of_a
	movq	%rax, n
	keep_fault kmovq, %k5, %k6, %k7
	vmovdqa64 %zmm20, %zmm21		/* no second windows, so they are equal */
	leaq	-1(b,n), %rax
	andq	$-64, %rax
	LOAD(.Lfault_b_second_after_a, 64, vpermt2b, WINDOW_OF_B(%zmm17), (%rax))
	/* Invariant: n bytes of both operands are in windows. The fault of a is in %k5 to %k7. */
.Lfault_of_a:
	compare_two_windows
	cmpq	n, %rax
	jb	.Lanswer
	kept_fault kmovq, %k5, %k6, %k7
	movq	n, %rax
	jmp	.La_failed

	/* Invariant: as for .Lfault_a_second, but line 2 of a is in zmm20. n is more than 64. */
.Lfault_b_middle:
	vpermt2b %zmm20, %zmm18, %zmm16
	/* Invariant: zmm16 is the window of a, and zmm17 the first line of b. */
.Lfault_b_second:
	before_second_line %esi
	vpermt2b %zmm17, %zmm19, %zmm17
	cmpq	n, %rax
	jae	.Lwindows
	vmovdqa64 %zmm20, %zmm21		/* no second windows, so they are equal */
.Lfault_of_b:				/* Invariant: %rax bytes of both are in windows. */
	movq	%rax, n
	keep_fault kmovq, %k5, %k6, %k7
	compare_two_windows
	cmpq	n, %rax
	jb	.Lanswer
	kept_fault kmovq, %k5, %k6, %k7
	movq	n, %rax
	jmp	.Lb_failed

	/* Invariant: n bytes of a are in its window. zmm17 is the first line of b. */
.Lfault_b_second_after_a:
	before_second_line %esi
	vpermt2b %zmm17, %zmm19, %zmm17
	cmpq	n, %rax
	jae	.Lfault_of_a
	jmp	.Lfault_of_b

	/*
	 * Invariant: zmm16 and zmm17 are the first windows. zmm20 and zmm21 are the second lines,
	 * which may be the last.
	 */
.Lfault_a_last:
	before_second_line %edi
	addl	$64, %eax
	vpermt2b %zmm20, %zmm18, %zmm20
	cmpq	n, %rax
	jae	.Ltwo_windows_of_a
	movq	%rax, n
	keep_fault kmovq, %k5, %k6, %k7
	leaq	-1(b,n), %rax
	andq	$-64, %rax
	LOAD(.Lfault_b_last_after_a, 64, vpermt2b, WINDOW_OF_B(%zmm21), (%rax))
	jmp	.Lfault_of_a

	/* Invariant: the windows of a are complete, up to n. zmm21 is the second line of b. */
.Lfault_b_last:
	before_second_line %esi
	addl	$64, %eax
	vpermt2b %zmm21, %zmm19, %zmm21
	cmpq	n, %rax
	jae	.Ltwo_windows
	jmp	.Lfault_of_b
.Lfault_b_last_after_a:
	before_second_line %esi
	addl	$64, %eax
	vpermt2b %zmm21, %zmm19, %zmm21
	cmpq	n, %rax
	jae	.Lfault_of_a
	jmp	.Lfault_of_b
endfunc mcsafe__compare_avx512
