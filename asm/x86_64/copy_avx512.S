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
 * Clobbers	%rax, %r8, %r9, zmm16-zmm21, %k1 and the argument registers; %r10, %r11 on a fault
 *
 * Phases	n <= 64		one window, stored with a mask
 *		n <= 256	windows from the start, and then the same for what is left
 *		n > 256	head	up to a line of the destination
 *			loop	windows. There are n / 64 - 2 or one more whole ones behind the
 *				head if n is a multiple of 64, and likewise else: the smaller number
 *				does not depend on the alignment.
 *			tail	1 to 127 bytes: two windows with a mask, of which the second may be
 *				empty
 */
#include "vector512.h"

#define blocks	%rax		/* windows to go */

func mcsafe__copy_avx512
	leaq	-1(left), %rax
	cmpq	$63, %rax
	ja	.Lmore
	find_line
	LOAD(.Lfault_start, 64, vmovdqa64, %zmm16, (src,line))
.Llast:
	last_window

	.p2align 4
.Lmore:
	testq	left, left
	jz	.Lnothing
	cmpq	$256, left
	ja	.Lhead
	find_line
	LOAD(.Lfault_start, 64, vmovdqa64, %zmm16, (src,line))
	step	0, 16, 17
	cmpq	$128, left
	ja	.Ltwo_windows
	vmovdqa64 %zmm17, %zmm16
	advance	$64
	jmp	.Llast
.Ltwo_windows:
	step	1, 17, 18
	cmpq	$192, left
	ja	.Lthree_windows
	vmovdqa64 %zmm18, %zmm16
	advance	$128
	jmp	.Llast
.Lthree_windows:
	step	2, 18, 19
	vmovdqa64 %zmm19, %zmm16
	advance	$192
	jmp	.Llast

	.p2align 4
.Lhead:
	leaq	-1(left), blocks
	align_destination
	shrq	$6, blocks
	decq	blocks
	testb	$1, %al
	jz	.Leven
	step	0, 16, 17
	vmovdqa64 %zmm17, %zmm16
	advance	$64
.Leven:
	testb	$2, %al
	jz	.Lby_4
	step	0, 16, 17
	step	1, 17, 18
	vmovdqa64 %zmm18, %zmm16
	advance	$128
.Lby_4:
	shrq	$2, blocks
	jz	.Ltail
	.p2align 6
.Lloop:
	step	0, 16, 17
	step	1, 17, 18
	step	2, 18, 19
	step	3, 19, 16
	advance	$256
	decq	blocks
	jnz	.Lloop
.Ltail:
	last_line
	leaq	64(src,line), %r9
	cmpq	%r9, %rax
	cmovaq	%r9, %rax			/* the next line, or the same if that is the last */
	LOAD(.Lfault_line_0, 64, vmovdqa64, %zmm17, (%rax))
	mask	left
	window	16, 17
	STORE_MASKED(.Lfault_window_0, %edx, vmovdqu8, %zmm16, (dst))
	last_line
	LOAD(.Lfault_line_1, 64, vmovdqa64, %zmm18, (%rax))
	xorl	%r9d, %r9d
	leaq	-64(left), %rax
	testq	%rax, %rax
	cmovsq	%r9, %rax
	mask	%rax
	window	17, 18
	STORE_MASKED(.Lfault_window_1, %eax, vmovdqu8, %zmm17, 64(dst))
.Lnothing:
	xorl	%eax, %eax
	ret
	vector512_fixups mcsafe__copy_avx512
endfunc mcsafe__copy_avx512
