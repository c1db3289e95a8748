/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan_avx2.S - find a byte, a line of 64 bytes at a time, by 32-byte vectors
 *
 *	enum mcsafe_cause mcsafe__scan_avx2(const void *s, int c, size_t n, size_t *at,
 *					    struct mcsafe_fault *fault);
 *
 * As mcsafe__scan_avx512() of scan_avx512.S, which explains the phases, the loads and the faults.
 * Here a line is compared by two loads, and the bits of both make the mask of the line.
 * mcsafe__memchr_avx2() is where mcsafe_memchr() of that file goes if the engine in use has another
 * routine than that file's.
 *
 * Needs	AVX2, BMI1 and BMI2 (CPUID leaf 7, EBX bits 5, 3 and 8; XCR0 bits 1 and 2)
 * Clobbers	%rax, %rsi, %xmm0-%xmm3, %r9-%r11
 *
 * Trace	n = 100, s % 64 = 13, no byte is c: %rax is the first line, with 51 bytes from s on,
 *		and %rsi the second. No bit is set in either. left = 100 - 51 - 64 < 0: *at = 100
 */
#include "asm.h"

#define s	%rdi
#define n	%rdx
#define at	%rcx
#define record	%r8
#define line	%rsi		/* the last line that was compared */
#define mask	%rax		/* a bit for each byte of the first line, from s on, that is c */
#define left	%rax		/* n > 64: bytes past the end of "line" */

/* A compare with the vector in memory makes each byte that is c -1, and the others 0. */
#define INTO_1	%ymm0, %ymm1
#define INTO_2	%ymm0, %ymm2

/*
 * Return, with the result.
 * In: %rax, the number of bytes before c, or n or more
 * Out: returns from the function
 */
.macro	found
	cmpq	%rax, n
	cmovbq	n, %rax
	movq	%rax, (at)
	vzeroupper
	xorl	%eax, %eax
	ret
.endm

/*
 * Make one mask of the two vectors of a line.
 * In: %ymm1 and %ymm2, the compared halves
 * Out: %r9, a bit for each byte of the line
 * Changes: %r10, flags
 */
.macro	mask_of_line
	vpmovmskb %ymm2, %r10d
	vpmovmskb %ymm1, %r9d
	shlq	$32, %r10
	orq	%r10, %r9
.endm

/*
 * Compare line k of the turn, and go to .Lfound_k if it holds c.
 * In: line; %ymm0
 * Out: %ymm1 and %ymm2, the compared halves
 * Changes: %ymm3, %r9, flags
 */
.macro	compare_line k
	LOAD(.Lfault_turn_\k, 32, vpcmpeqb, INTO_1, 64*(\k)+64(line))
	LOAD(.Lfault_turn_\k, 32, vpcmpeqb, INTO_2, 64*(\k)+96(line))
	vpor	%ymm1, %ymm2, %ymm3
	vpmovmskb %ymm3, %r9d
	testl	%r9d, %r9d
	jnz	.Lfound_\k
.endm

#ifndef MCSAFE_MSAN
	.hidden	mcsafe__memchr_avx2
front mcsafe__memchr_avx2
	enter_if_below MCSAFE_ENTRY_SCAN_AVX2, n, mcsafe__memchr
endfront mcsafe__memchr_avx2
#endif
func mcsafe__scan_avx2, 0
	vmovd	%esi, %xmm0
	vpbroadcastb %xmm0, %ymm0
	leaq	-1(n), line			/* -1 for n = 0, which goes with the longest */
	movq	s, %rax
	andq	$-64, %rax
	cmpq	$63, line
	ja	.L0_or_65_and_more
	addq	s, line
	andq	$-64, line			/* of the last byte */
	LOAD(.Lfault_first, 32, vpcmpeqb, INTO_1, (%rax))
	LOAD(.Lfault_first, 32, vpcmpeqb, INTO_2, 32(%rax))
	mask_of_line
	shrxq	s, %r9, %r9			/* SHRX uses the lower 6 bits of its count */
	testq	%r9, %r9
	cmovnzq	%rax, line
	movq	%r9, mask
	LOAD(.Lfault_last, 32, vpcmpeqb, INTO_1, (line))
	LOAD(.Lfault_last, 32, vpcmpeqb, INTO_2, 32(line))
	mask_of_line
	movl	%edi, %r10d
	negl	%r10d
	shlxq	%r10, %r9, %r9			/* up by (64 - s mod 64) mod 64 */
	orq	%r9, mask
	tzcntq	mask, %rax			/* 64 if no bit is set */
	found

	.p2align 5
.L0_or_65_and_more:
	testq	n, n
	jz	.Lnot_found
	LOAD(.Lfault_first, 32, vpcmpeqb, INTO_1, (%rax))
	LOAD(.Lfault_first, 32, vpcmpeqb, INTO_2, 32(%rax))
	mask_of_line
	leaq	64(%rax), line
	shrxq	s, %r9, %r9
	testq	%r9, %r9
	cmovnzq	%rax, line
	movq	%r9, mask
	LOAD(.Lfault_second, 32, vpcmpeqb, INTO_1, (line))
	LOAD(.Lfault_second, 32, vpcmpeqb, INTO_2, 32(line))
	mask_of_line
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
	vzeroupper
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
	mask_of_line
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
	vzeroupper
	stop_with_cause
endfunc mcsafe__scan_avx2
