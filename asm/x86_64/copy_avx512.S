/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_avx512.S - copy with 64-byte vectors
 *
 *	size_t mcsafe__copy_avx512(void *dst, const void *src, size_t n,
 *				   struct mcsafe__landing *landing);
 *
 * Copies n bytes upwards and returns how many were not copied; *landing is written only if that is
 * not 0 or a write fault went away while it was looked at. vector512.h has the rules for loads and
 * faults.
 *
 * Needs	AVX512F, AVX512BW and AVX512_VBMI (CPUID leaf 7, EBX bits 16 and 30, ECX bit 1; XCR0
 *		bits 1, 2 and 5 to 7), BMI2 (EBX bit 8)
 * Clobbers	%rax, %r8-%r10, zmm16-zmm25, %k1 and the argument registers; %r11 on a fault
 *
 * Phases	n <= 64		one window
 *		n <= 512	windows from the start, by as few branches as can be: here a branch costs
 *				as much as a window. The last one is stored with a mask.
 *		n > 512		512 bytes a turn, and the rest likewise. From LEAST_ALIGNED on the
 *				destination is aligned first: below that, stores that cross lines cost
 *				less.
 *		Where the source is aligned, and more than two windows are left, each is a line.
 */
#include "vector512.h"

#define LEAST_ALIGNED 2048

/* 129 to 512 bytes; \what is "window", and zmm16 the line that holds src, or "line". */
.macro	up_to_512 what
	cmpq	$256, left
	ja	.L\what\()s_4
	\what\()_step 0, 16, 17
	\what\()_step 1, 17, 18
	cmpq	$192, left
	ja	.L\what\()s_3
	\what\()_last 2, 18, 19
	.p2align 6
.L\what\()s_3:
	\what\()_step 2, 18, 19
	\what\()_last 3, 19, 20

	.p2align 6
.L\what\()s_4:
	\what\()_step 0, 16, 17
	\what\()_step 1, 17, 18
	\what\()_step 2, 18, 19
	\what\()_step 3, 19, 20
	cmpq	$384, left
	ja	.L\what\()s_6
	cmpq	$320, left
	ja	.L\what\()s_5
	\what\()_last 4, 20, 21
	.p2align 6
.L\what\()s_5:
	\what\()_step 4, 20, 21
	\what\()_last 5, 21, 22

	.p2align 6
.L\what\()s_6:
	\what\()_step 4, 20, 21
	\what\()_step 5, 21, 22
	cmpq	$448, left
	ja	.L\what\()s_7
	\what\()_last 6, 22, 23
	.p2align 6
.L\what\()s_7:
	\what\()_step 6, 22, 23
	\what\()_last 7, 23, 17
.endm

/* 512 bytes. */
.macro	turn what
	\what\()_step 0, 16, 17
	\what\()_step 1, 17, 18
	\what\()_step 2, 18, 19
	\what\()_step 3, 19, 20
	\what\()_step 4, 20, 21
	\what\()_step 5, 21, 22
	\what\()_step 6, 22, 23
	\what\()_step 7, 23, 16
	addq	$512, src
	addq	$512, dst
	subq	$512, left
.endm

func mcsafe__copy_avx512
	leaq	-1(left), %rax			/* so that 0 goes with the longest */
	cmpq	$63, %rax
	ja	.Lmore
	find_line
	first_line
.Lone_window:
	window_last 0, 16, 17

	.p2align 6
.Lmore:
	cmpq	$127, %rax
	ja	.Lmany
	find_line
	first_line
.Ltwo_windows:
	window_step 0, 16, 17
	window_last 1, 17, 18

	.p2align 6
.Lmany:
	testb	$63, %sil
	jz	.Llines
	cmpq	$511, %rax
	ja	.Llong
	find_line
	first_line
.Lwindows:
	up_to_512 window

	.p2align 6
.Llines:
	cmpq	$511, %rax
	ja	.Llong
.Lmany_lines:
	up_to_512 line

	.p2align 6
.Llong:
	testq	left, left
	jz	.Lnothing
	cmpq	$LEAST_ALIGNED, left
	jb	.Lturns
	testb	$63, %dil
	jz	.Lturns
	align_destination
.Lturns:
	testb	$63, %sil
	jz	.Lline_turn
	find_line
	first_line
	.p2align 6
.Lwindow_turn:
	turn	window
	leaq	-1(left), %rax
	cmpq	$511, %rax
	ja	.Lwindow_turn
	cmpq	$127, %rax
	ja	.Lwindows
	cmpq	$63, %rax
	ja	.Ltwo_windows
	jmp	.Lone_window

	.p2align 6
.Lline_turn:
	turn	line
	leaq	-1(left), %rax
	cmpq	$511, %rax
	ja	.Lline_turn
	cmpq	$127, %rax
	ja	.Lmany_lines
	cmpq	$63, %rax
	ja	.Ltwo_lines
	line_last 0, 16
.Ltwo_lines:
	line_step 0, 16
	line_last 1, 17
.Lnothing:
	xorl	%eax, %eax
	ret
	vector512_fixups mcsafe__copy_avx512
endfunc mcsafe__copy_avx512
