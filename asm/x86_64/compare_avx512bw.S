/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * compare_avx512bw.S - compare two operands with 64-byte vectors, without AVX512_VBMI
 *
 *	enum mcsafe_cause mcsafe__compare_avx512bw(const void *a, const void *b, size_t n,
 *						   struct mcsafe_comparison *result,
 *						   struct mcsafe_fault *fault);
 *
 * Does what mcsafe_memcmp() in mcsafe/scan.h promises.
 *
 * Needs	AVX512F and AVX512BW (CPUID leaf 7, EBX bits 16 and 30; XCR0 bits 1, 2 and 5 to 7),
 *		BMI1 and BMI2 (EBX bits 3 and 8)
 * Clobbers	%rax, %r9-%r11, zmm16-zmm27, %k1-%k7 and the argument registers. The vector
 *		registers have no legacy part, so nothing has to be cleared for the caller (no
 *		VZEROUPPER).
 *
 * Without AVX512_VBMI no instruction moves bytes across a whole vector. A rotation takes two
 * permutations of words of 8 bytes, and shifts.
 *
 * Phases	n <= 64		The lane of a byte is its address mod 64. The bytes of an operand
 *				all have different lanes. So the one or two lines that hold them
 *				merge into one vector: one load of a line, and one of the other with
 *				a mask. If the operand ends in its first line, that is loaded twice.
 *				A rotation brings the bytes of b to the lanes of a. Nothing branches
 *				on an alignment, nor on where the difference is.
 *		n > 64		compare_lines.inc
 *
 * Loads	Each load is of one aligned line that holds a byte of its operand. Of two bytes with
 *		the same index, that of a is loaded first. All lines of a short comparison are read,
 *		whatever they hold.
 *
 * Trace	n = 20, a % 64 = 50, b % 64 = 0: loads two lines of a, and a line of b twice. Bytes
 *		0 to 13 of a are in lanes 50 to 63, and bytes 14 to 19 in lanes 0 to 5. The rotation
 *		of b by -50 brings them to the same lanes.
 *
 * On a fault	The first lines of both operands are in registers. So n is cut to the bytes before
 *		the line that failed, and these are compared: if they differ, that is the answer.
 *		The line is not read again.
 */
#include "asm.h"

#define a	%rdi
#define b	%rsi
#define n	%rdx
#define result	%rcx
#define record	%r8		/* only a fixup looks at it */

	.section .rodata.mcsafe_compare_words, "a", @progbits
	.p2align 6
	.type	words, @object
words:
	.quad	0, 1, 2, 3, 4, 5, 6, 7
	.size	words, . - words
	.type	next_words, @object
next_words:
	.quad	1, 2, 3, 4, 5, 6, 7, 8
	.size	next_words, . - next_words
	.text

/*
 * What "turn" needs.
 * In: %r10, b - a
 * Out: zmm18 and zmm21, the permutations of words of 8 bytes; xmm22 and xmm23, the shifts
 * Changes: %r9, %r11, flags
 */
.macro	turn_setup
	movl	%r10d, %r9d
	movl	%r10d, %r11d
	shrl	$3, %r9d
	vpbroadcastq %r9, %zmm18
	vpaddq	next_words(%rip), %zmm18, %zmm21	/* VPERMQ uses the lower 3 bits */
	vpaddq	words(%rip), %zmm18, %zmm18
	andl	$7, %r11d
	shll	$3, %r11d
	vmovd	%r11d, %xmm22
	negl	%r11d
	addl	$64, %r11d			/* a shift by 64 leaves nothing */
	vmovd	%r11d, %xmm23
.endm

/*
 * Rotate the bytes of a line of b, so that each is in the lane of the byte of a with its index.
 * In: \reg; zmm18 and zmm21 to zmm23 of turn_setup
 * Out: \reg
 * Changes: zmm27
 */
.macro	turn reg
	vpermq	\reg, %zmm21, %zmm27
	vpermq	\reg, %zmm18, \reg
	vpsllq	%xmm23, %zmm27, %zmm27
	vpsrlq	%xmm22, \reg, \reg
	vporq	%zmm27, \reg, \reg
.endm

/*
 * In: zmm16 and zmm17, up to 64 bytes of a and of b, both in the lanes of a
 * Out: %rax, the index of the first byte that differs, or more; %r9: a bit for each lane of a, 1 if
 *	a is less
 * Changes: %r10, %k1, %k2, flags
 */
.macro	compare_merged
	vpcmpub	$4, %zmm17, %zmm16, %k1		/* not equal */
	vpcmpub	$1, %zmm17, %zmm16, %k2		/* a is less */
	kmovq	%k1, %rax
	movl	%edi, %r10d
	negl	%r10d
	shrxq	a, %rax, %r9			/* SHRX uses the lower 6 bits of its count */
	shlxq	%r10, %rax, %rax
	orq	%r9, %rax			/* from lanes to indices */
	tzcntq	%rax, %rax
	kmovq	%k2, %r9
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

func mcsafe__compare_avx512bw
	leaq	-1(n), %rax			/* -1 for n = 0, which goes with the longer ones */
	cmpq	$63, %rax
	ja	.Lcompare_lines
	movq	a, %rax
	andq	$-64, %rax
	LOAD(.Lfault_a_first, 64, vmovdqa64, %zmm16, (%rax))
	movq	b, %rax
	andq	$-64, %rax
	LOAD(.Lfault_b_first, 64, vmovdqa64, %zmm17, (%rax))
	/*
	 * The lanes before that of the first byte are in the second line. If that is lane 0, there
	 * is no second line, and the mask has all lanes.
	 */
	movq	$-1, %rax
	movl	%edi, %r9d
	movl	%esi, %r10d
	negl	%r9d
	negl	%r10d
	shrxq	%r9, %rax, %r9
	shrxq	%r10, %rax, %r10
	kmovq	%r9, %k1
	kmovq	%r10, %k2
	leaq	-1(a,n), %rax
	andq	$-64, %rax
	LOAD(.Lfault_a_second, 64, vmovdqu8, %zmm16{%k1}, (%rax))
.La_is_merged:
	leaq	-1(b,n), %rax
	andq	$-64, %rax
	LOAD(.Lfault_b_second, 64, vmovdqu8, %zmm17{%k2}, (%rax))
.Lb_is_merged:
	movl	%esi, %r10d
	subl	%edi, %r10d
	turn_setup
	turn	%zmm17
	compare_merged
.Lanswer:
	leaq	(a,%rax), %r10			/* the lane, in its lower 6 bits */
	btq	%r10, %r9			/* BT uses no others */
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

#define LOAD_TURNED(fixup, reg, ...)                                           \
	LOAD(fixup, 64, vmovdqa64, reg, __VA_ARGS__); turn reg
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
	cmpq	n, %rax
	jae	.La_is_merged
	movq	%rax, n
	keep_fault kmovq, %k5, %k6, %k7
	leaq	-1(b,n), %rax
	andq	$-64, %rax
	LOAD(.Lfault_b_second_after_a, 64, vmovdqu8, %zmm17{%k2}, (%rax))
	/* Invariant: n bytes of both operands are there. The fault of a is in %k5 to %k7. */
.Lfault_of_a:
	movl	%esi, %r10d
	subl	%edi, %r10d
	turn_setup
	turn	%zmm17
	compare_merged
	cmpq	n, %rax
	jb	.Lanswer
	kept_fault kmovq, %k5, %k6, %k7
	movq	n, %rax
	jmp	.La_failed

	/* Invariant: n bytes of a are in zmm16. zmm17 is the first line of b. */
.Lfault_b_second_after_a:
	before_second_line %esi
	cmpq	n, %rax
	jae	.Lfault_of_a
	jmp	.Lfault_of_b
.Lfault_b_second:
	before_second_line %esi
	cmpq	n, %rax
	jae	.Lb_is_merged
.Lfault_of_b:
	movq	%rax, n
	keep_fault kmovq, %k5, %k6, %k7
	movl	%esi, %r10d
	subl	%edi, %r10d
	turn_setup
	turn	%zmm17
	compare_merged
	cmpq	n, %rax
	jb	.Lanswer
	kept_fault kmovq, %k5, %k6, %k7
	movq	n, %rax
	jmp	.Lb_failed
endfunc mcsafe__compare_avx512bw
