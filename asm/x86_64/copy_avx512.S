/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_avx512.S - copy with 64-byte vectors
 *
 *	size_t mcsafe__copy_avx512(void *dst, const void *src, size_t n,
 *				   struct mcsafe_fault *fault);
 *
 * Copies n bytes upwards and returns how many were not copied. *fault is written only if that is
 * not 0.
 * windows_avx512.h has the rules for loads and faults.
 *
 * Needs	AVX512F, AVX512BW and AVX512_VBMI (CPUID leaf 7, EBX bits 16 and 30, ECX bit 1; XCR0
 *		bits 1, 2 and 5 to 7), BMI2 (EBX bit 8)
 * Clobbers	%rax, %r8-%r10, zmm16-zmm25, %k1 and the argument registers; %r11 on a fault
 *
 * Phases	n <= 64		one window
 *		n <= 512	windows from the start, with as few branches as possible: here a
 *				branch costs as much as a window. The last window is stored with a
 *				mask.
 *		n > 512		512 bytes a turn. The rest is copied like a short copy. From
 *				LEAST_ALIGNED bytes on, the destination is aligned first; in shorter
 *				copies, stores that cross lines cost less than that.
 *		If the source is aligned, and more than two windows are left, each window is a line.
 *
 * Trace	n = 100, src % 64 = 13: %rax = 99 goes to .L65_and_more
 *		find_line: %r8 = -13; zmm16 is the line that holds src, zmm17 the next
 *		stores the first window, the 64 bytes from src on, which lie in both lines
 *		%rax = the line that holds the last byte: it is the next line, and is read again
 *		stores the other 36 bytes with a mask; returns 0
 */
#include "windows_avx512.h"

#define LEAST_ALIGNED 2048

func mcsafe__copy_avx512
	leaq	-1(left), %rax			/* -1 for n = 0, which goes with the longest */
	cmpq	$63, %rax
	ja	.L65_and_more
	find_line
	LOAD(.Lfault_start, 64, vmovdqa64, %zmm16, (src,back))
.L1_to_64:					/* %rax = left - 1; zmm16: the line of src */
	addq	src, %rax
	andq	$-64, %rax
	LOAD(.Lfault_line_0, 64, vmovdqa64, %zmm17, (%rax))
	last_mask 0
	window	%zmm16, %zmm17
	STORE_MASKED(.Lfault_window_0, %edx, vmovdqu8, %zmm16, (dst))
	xorl	%eax, %eax
	ret

	.p2align 6
.L65_and_more:
	cmpq	$127, %rax
	ja	.L129_and_more
	find_line
	LOAD(.Lfault_start, 64, vmovdqa64, %zmm16, (src,back))
.L65_to_128:					/* %rax = left - 1; zmm16: the line of src */
	LOAD(.Lfault_line_0, 64, vmovdqa64, %zmm17, 64(src,back))
	window	%zmm16, %zmm17
	STORE(.Lfault_window_0, 64, vmovdqu64, %zmm16, (dst))
	addq	src, %rax
	andq	$-64, %rax
	LOAD(.Lfault_line_1, 64, vmovdqa64, %zmm18, (%rax))
	last_mask 1
	window	%zmm17, %zmm18
	STORE_MASKED(.Lfault_window_1, %edx, vmovdqu8, %zmm17, 64(dst))
	xorl	%eax, %eax
	ret

	.p2align 6
.L129_and_more:
	testb	$63, %sil
	jz	.Llines_129_and_more
	cmpq	$511, %rax
	ja	.L0_or_513_and_more
	find_line
	LOAD(.Lfault_start, 64, vmovdqa64, %zmm16, (src,back))
.Lwindows_129_to_512:				/* %rax = left - 1; zmm16: the line of src */
	cmpq	$256, left
	ja	.Lwindows_257_to_512
	LOAD(.Lfault_line_0, 64, vmovdqa64, %zmm17, 64(src,back))
	window	%zmm16, %zmm17
	STORE(.Lfault_window_0, 64, vmovdqu64, %zmm16, (dst))
	LOAD(.Lfault_line_1, 64, vmovdqa64, %zmm18, 128(src,back))
	window	%zmm17, %zmm18
	STORE(.Lfault_window_1, 64, vmovdqu64, %zmm17, 64(dst))
	cmpq	$192, left
	ja	.Lwindows_193_to_256
	addq	src, %rax
	andq	$-64, %rax
	LOAD(.Lfault_line_2, 64, vmovdqa64, %zmm19, (%rax))
	last_mask 2
	window	%zmm18, %zmm19
	STORE_MASKED(.Lfault_window_2, %edx, vmovdqu8, %zmm18, 128(dst))
	xorl	%eax, %eax
	ret

	.p2align 6
.Lwindows_193_to_256:
	LOAD(.Lfault_line_2, 64, vmovdqa64, %zmm19, 192(src,back))
	window	%zmm18, %zmm19
	STORE(.Lfault_window_2, 64, vmovdqu64, %zmm18, 128(dst))
	addq	src, %rax
	andq	$-64, %rax
	LOAD(.Lfault_line_3, 64, vmovdqa64, %zmm20, (%rax))
	last_mask 3
	window	%zmm19, %zmm20
	STORE_MASKED(.Lfault_window_3, %edx, vmovdqu8, %zmm19, 192(dst))
	xorl	%eax, %eax
	ret

	.p2align 6
.Lwindows_257_to_512:
	LOAD(.Lfault_line_0, 64, vmovdqa64, %zmm17, 64(src,back))
	window	%zmm16, %zmm17
	STORE(.Lfault_window_0, 64, vmovdqu64, %zmm16, (dst))
	LOAD(.Lfault_line_1, 64, vmovdqa64, %zmm18, 128(src,back))
	window	%zmm17, %zmm18
	STORE(.Lfault_window_1, 64, vmovdqu64, %zmm17, 64(dst))
	LOAD(.Lfault_line_2, 64, vmovdqa64, %zmm19, 192(src,back))
	window	%zmm18, %zmm19
	STORE(.Lfault_window_2, 64, vmovdqu64, %zmm18, 128(dst))
	LOAD(.Lfault_line_3, 64, vmovdqa64, %zmm20, 256(src,back))
	window	%zmm19, %zmm20
	STORE(.Lfault_window_3, 64, vmovdqu64, %zmm19, 192(dst))
	cmpq	$384, left
	ja	.Lwindows_385_to_512
	cmpq	$320, left
	ja	.Lwindows_321_to_384
	addq	src, %rax
	andq	$-64, %rax
	LOAD(.Lfault_line_4, 64, vmovdqa64, %zmm21, (%rax))
	last_mask 4
	window	%zmm20, %zmm21
	STORE_MASKED(.Lfault_window_4, %edx, vmovdqu8, %zmm20, 256(dst))
	xorl	%eax, %eax
	ret

	.p2align 6
.Lwindows_321_to_384:
	LOAD(.Lfault_line_4, 64, vmovdqa64, %zmm21, 320(src,back))
	window	%zmm20, %zmm21
	STORE(.Lfault_window_4, 64, vmovdqu64, %zmm20, 256(dst))
	addq	src, %rax
	andq	$-64, %rax
	LOAD(.Lfault_line_5, 64, vmovdqa64, %zmm22, (%rax))
	last_mask 5
	window	%zmm21, %zmm22
	STORE_MASKED(.Lfault_window_5, %edx, vmovdqu8, %zmm21, 320(dst))
	xorl	%eax, %eax
	ret

	.p2align 6
.Lwindows_385_to_512:
	LOAD(.Lfault_line_4, 64, vmovdqa64, %zmm21, 320(src,back))
	window	%zmm20, %zmm21
	STORE(.Lfault_window_4, 64, vmovdqu64, %zmm20, 256(dst))
	LOAD(.Lfault_line_5, 64, vmovdqa64, %zmm22, 384(src,back))
	window	%zmm21, %zmm22
	STORE(.Lfault_window_5, 64, vmovdqu64, %zmm21, 320(dst))
	cmpq	$448, left
	ja	.Lwindows_449_to_512
	addq	src, %rax
	andq	$-64, %rax
	LOAD(.Lfault_line_6, 64, vmovdqa64, %zmm23, (%rax))
	last_mask 6
	window	%zmm22, %zmm23
	STORE_MASKED(.Lfault_window_6, %edx, vmovdqu8, %zmm22, 384(dst))
	xorl	%eax, %eax
	ret

	.p2align 6
.Lwindows_449_to_512:
	LOAD(.Lfault_line_6, 64, vmovdqa64, %zmm23, 448(src,back))
	window	%zmm22, %zmm23
	STORE(.Lfault_window_6, 64, vmovdqu64, %zmm22, 384(dst))
	addq	src, %rax
	andq	$-64, %rax
	LOAD(.Lfault_line_7, 64, vmovdqa64, %zmm17, (%rax))
	last_mask 7
	window	%zmm23, %zmm17
	STORE_MASKED(.Lfault_window_7, %edx, vmovdqu8, %zmm23, 448(dst))
	xorl	%eax, %eax
	ret

	.p2align 6
.Llines_129_and_more:
	cmpq	$511, %rax
	ja	.L0_or_513_and_more
.Llines_129_to_512:				/* %rax = left - 1; src is a multiple of 64 */
	cmpq	$256, left
	ja	.Llines_257_to_512
	LOAD(.Lfault_load_0, 64, vmovdqa64, %zmm16, (src))
	STORE(.Lfault_window_0, 64, vmovdqu64, %zmm16, (dst))
	LOAD(.Lfault_load_1, 64, vmovdqa64, %zmm17, 64(src))
	STORE(.Lfault_window_1, 64, vmovdqu64, %zmm17, 64(dst))
	cmpq	$192, left
	ja	.Llines_193_to_256
	LOAD(.Lfault_load_2, 64, vmovdqa64, %zmm18, 128(src))
	last_mask 2
	STORE_MASKED(.Lfault_window_2, %edx, vmovdqu8, %zmm18, 128(dst))
	xorl	%eax, %eax
	ret

	.p2align 6
.Llines_193_to_256:
	LOAD(.Lfault_load_2, 64, vmovdqa64, %zmm18, 128(src))
	STORE(.Lfault_window_2, 64, vmovdqu64, %zmm18, 128(dst))
	LOAD(.Lfault_load_3, 64, vmovdqa64, %zmm19, 192(src))
	last_mask 3
	STORE_MASKED(.Lfault_window_3, %edx, vmovdqu8, %zmm19, 192(dst))
	xorl	%eax, %eax
	ret

	.p2align 6
.Llines_257_to_512:
	LOAD(.Lfault_load_0, 64, vmovdqa64, %zmm16, (src))
	STORE(.Lfault_window_0, 64, vmovdqu64, %zmm16, (dst))
	LOAD(.Lfault_load_1, 64, vmovdqa64, %zmm17, 64(src))
	STORE(.Lfault_window_1, 64, vmovdqu64, %zmm17, 64(dst))
	LOAD(.Lfault_load_2, 64, vmovdqa64, %zmm18, 128(src))
	STORE(.Lfault_window_2, 64, vmovdqu64, %zmm18, 128(dst))
	LOAD(.Lfault_load_3, 64, vmovdqa64, %zmm19, 192(src))
	STORE(.Lfault_window_3, 64, vmovdqu64, %zmm19, 192(dst))
	cmpq	$384, left
	ja	.Llines_385_to_512
	cmpq	$320, left
	ja	.Llines_321_to_384
	LOAD(.Lfault_load_4, 64, vmovdqa64, %zmm20, 256(src))
	last_mask 4
	STORE_MASKED(.Lfault_window_4, %edx, vmovdqu8, %zmm20, 256(dst))
	xorl	%eax, %eax
	ret

	.p2align 6
.Llines_321_to_384:
	LOAD(.Lfault_load_4, 64, vmovdqa64, %zmm20, 256(src))
	STORE(.Lfault_window_4, 64, vmovdqu64, %zmm20, 256(dst))
	LOAD(.Lfault_load_5, 64, vmovdqa64, %zmm21, 320(src))
	last_mask 5
	STORE_MASKED(.Lfault_window_5, %edx, vmovdqu8, %zmm21, 320(dst))
	xorl	%eax, %eax
	ret

	.p2align 6
.Llines_385_to_512:
	LOAD(.Lfault_load_4, 64, vmovdqa64, %zmm20, 256(src))
	STORE(.Lfault_window_4, 64, vmovdqu64, %zmm20, 256(dst))
	LOAD(.Lfault_load_5, 64, vmovdqa64, %zmm21, 320(src))
	STORE(.Lfault_window_5, 64, vmovdqu64, %zmm21, 320(dst))
	cmpq	$448, left
	ja	.Llines_449_to_512
	LOAD(.Lfault_load_6, 64, vmovdqa64, %zmm22, 384(src))
	last_mask 6
	STORE_MASKED(.Lfault_window_6, %edx, vmovdqu8, %zmm22, 384(dst))
	xorl	%eax, %eax
	ret

	.p2align 6
.Llines_449_to_512:
	LOAD(.Lfault_load_6, 64, vmovdqa64, %zmm22, 384(src))
	STORE(.Lfault_window_6, 64, vmovdqu64, %zmm22, 384(dst))
	LOAD(.Lfault_load_7, 64, vmovdqa64, %zmm23, 448(src))
	last_mask 7
	STORE_MASKED(.Lfault_window_7, %edx, vmovdqu8, %zmm23, 448(dst))
	xorl	%eax, %eax
	ret

	.p2align 6
.L0_or_513_and_more:
	testq	left, left
	jz	.Lnothing
	cmpq	$LEAST_ALIGNED, left
	jb	.Lturns
	testb	$63, %dil
	jz	.Lturns
#include "align_destination_avx512.inc"
.Lturns:
	testb	$63, %sil
	jz	.Lline_turn
	find_line
	LOAD(.Lfault_start, 64, vmovdqa64, %zmm16, (src,back))
	.p2align 6
.Lwindow_turn:
	LOAD(.Lfault_line_0, 64, vmovdqa64, %zmm17, 64(src,back))
	window	%zmm16, %zmm17
	STORE(.Lfault_window_0, 64, vmovdqu64, %zmm16, (dst))
	LOAD(.Lfault_line_1, 64, vmovdqa64, %zmm18, 128(src,back))
	window	%zmm17, %zmm18
	STORE(.Lfault_window_1, 64, vmovdqu64, %zmm17, 64(dst))
	LOAD(.Lfault_line_2, 64, vmovdqa64, %zmm19, 192(src,back))
	window	%zmm18, %zmm19
	STORE(.Lfault_window_2, 64, vmovdqu64, %zmm18, 128(dst))
	LOAD(.Lfault_line_3, 64, vmovdqa64, %zmm20, 256(src,back))
	window	%zmm19, %zmm20
	STORE(.Lfault_window_3, 64, vmovdqu64, %zmm19, 192(dst))
	LOAD(.Lfault_line_4, 64, vmovdqa64, %zmm21, 320(src,back))
	window	%zmm20, %zmm21
	STORE(.Lfault_window_4, 64, vmovdqu64, %zmm20, 256(dst))
	LOAD(.Lfault_line_5, 64, vmovdqa64, %zmm22, 384(src,back))
	window	%zmm21, %zmm22
	STORE(.Lfault_window_5, 64, vmovdqu64, %zmm21, 320(dst))
	LOAD(.Lfault_line_6, 64, vmovdqa64, %zmm23, 448(src,back))
	window	%zmm22, %zmm23
	STORE(.Lfault_window_6, 64, vmovdqu64, %zmm22, 384(dst))
	LOAD(.Lfault_line_7, 64, vmovdqa64, %zmm16, 512(src,back))
	window	%zmm23, %zmm16
	STORE(.Lfault_window_7, 64, vmovdqu64, %zmm23, 448(dst))
	advance	$512
	leaq	-1(left), %rax
	cmpq	$511, %rax
	ja	.Lwindow_turn
	cmpq	$127, %rax
	ja	.Lwindows_129_to_512
	cmpq	$63, %rax
	ja	.L65_to_128
	jmp	.L1_to_64

	.p2align 6
.Lline_turn:
	LOAD(.Lfault_load_0, 64, vmovdqa64, %zmm16, (src))
	STORE(.Lfault_window_0, 64, vmovdqu64, %zmm16, (dst))
	LOAD(.Lfault_load_1, 64, vmovdqa64, %zmm17, 64(src))
	STORE(.Lfault_window_1, 64, vmovdqu64, %zmm17, 64(dst))
	LOAD(.Lfault_load_2, 64, vmovdqa64, %zmm18, 128(src))
	STORE(.Lfault_window_2, 64, vmovdqu64, %zmm18, 128(dst))
	LOAD(.Lfault_load_3, 64, vmovdqa64, %zmm19, 192(src))
	STORE(.Lfault_window_3, 64, vmovdqu64, %zmm19, 192(dst))
	LOAD(.Lfault_load_4, 64, vmovdqa64, %zmm20, 256(src))
	STORE(.Lfault_window_4, 64, vmovdqu64, %zmm20, 256(dst))
	LOAD(.Lfault_load_5, 64, vmovdqa64, %zmm21, 320(src))
	STORE(.Lfault_window_5, 64, vmovdqu64, %zmm21, 320(dst))
	LOAD(.Lfault_load_6, 64, vmovdqa64, %zmm22, 384(src))
	STORE(.Lfault_window_6, 64, vmovdqu64, %zmm22, 384(dst))
	LOAD(.Lfault_load_7, 64, vmovdqa64, %zmm23, 448(src))
	STORE(.Lfault_window_7, 64, vmovdqu64, %zmm23, 448(dst))
	advance	$512
	leaq	-1(left), %rax
	cmpq	$511, %rax
	ja	.Lline_turn
	cmpq	$127, %rax
	ja	.Llines_129_to_512
	cmpq	$63, %rax
	ja	.Llines_65_to_128
	LOAD(.Lfault_load_0, 64, vmovdqa64, %zmm16, (src))
	last_mask 0
	STORE_MASKED(.Lfault_window_0, %edx, vmovdqu8, %zmm16, (dst))
	xorl	%eax, %eax
	ret
.Llines_65_to_128:
	LOAD(.Lfault_load_0, 64, vmovdqa64, %zmm16, (src))
	STORE(.Lfault_window_0, 64, vmovdqu64, %zmm16, (dst))
	LOAD(.Lfault_load_1, 64, vmovdqa64, %zmm17, 64(src))
	last_mask 1
	STORE_MASKED(.Lfault_window_1, %edx, vmovdqu8, %zmm17, 64(dst))
	xorl	%eax, %eax
	ret
.Lnothing:
	xorl	%eax, %eax
	ret

#define AGAIN mcsafe__copy_avx512
#define FENCE
#include "fixups_avx512.inc"
endfunc mcsafe__copy_avx512
