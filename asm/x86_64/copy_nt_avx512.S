/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_nt_avx512.S - copy with 64-byte vectors and stores that bypass the caches
 *
 *	size_t mcsafe__copy_nt_avx512(void *dst, const void *src, size_t n,
 *				      struct mcsafe_fault *fault);
 *
 * Copies n bytes upwards and returns how many were not copied. *fault is written only if that is
 * not 0. The function stops at a store that failed, even if its cause was gone when its bytes were
 * stored again. Then the side in *fault is 0, and the caller does the rest.
 * windows_avx512.h has the rules for loads and faults.
 *
 * All but up to 96 bytes at each end are stored non-temporally, except that a fixup stores up to 64
 * bytes where the function stops. Ends with SFENCE wherever it has stored so.
 *
 * Needs	AVX512F, AVX512BW and AVX512_VBMI (CPUID leaf 7, EBX bits 16 and 30, ECX bit 1; XCR0
 *		bits 1, 2 and 5 to 7), BMI2 (EBX bit 8)
 * Clobbers	%rax, %r8-%r11, zmm16-zmm25, %k1 and the argument registers
 *
 * Phases	n <= 64		one window
 *		n > 64	head	up to a line of the destination
 *			turns	4 windows, each one line of the destination, then 1
 *			tail	the last window, 1 to 64 bytes
 *
 * Trace	n = 1000, src % 64 = 13, dst % 64 = 0: the head stores 64 bytes; left = 936
 *		find_line: %r8 = -13; zmm16 is the line that holds src
 *		.Lturn: three turns of 4 windows; left = 168, and zmm16 is again the line of src
 *		.Lsingle: two windows; left = 40
 *		.Ltail: sfence; stores 40 bytes with a mask; returns 0
 */
#include "prefetch.h"
#include "windows_avx512.h"

func mcsafe__copy_nt_avx512
	cmpq	$64, left
	ja	.L65_and_more
#include "short_avx512.inc"

	.p2align 6
.L65_and_more:
#include "align_destination_avx512.inc"
	find_line
	LOAD_ROTATED(.Lfault_start, %zmm16, (src,back))
	cmpq	$256, left
	jbe	.Lsingle
	.p2align 6
.Lturn:
	prefetch_ahead 256
	LOAD_ROTATED(.Lfault_line_0, %zmm17, 64(src,back))
	window	%zmm16, %zmm17
	STORE(.Lfault_window_0, 64, vmovntdq, %zmm16, (dst))
	LOAD_ROTATED(.Lfault_line_1, %zmm18, 128(src,back))
	window	%zmm17, %zmm18
	STORE(.Lfault_window_1, 64, vmovntdq, %zmm17, 64(dst))
	LOAD_ROTATED(.Lfault_line_2, %zmm19, 192(src,back))
	window	%zmm18, %zmm19
	STORE(.Lfault_window_2, 64, vmovntdq, %zmm18, 128(dst))
	LOAD_ROTATED(.Lfault_line_3, %zmm16, 256(src,back))
	window	%zmm19, %zmm16
	STORE(.Lfault_window_3, 64, vmovntdq, %zmm19, 192(dst))
	advance	$256
	cmpq	$256, left
	ja	.Lturn
.Lsingle:
	cmpq	$64, left
	jbe	.Ltail
	LOAD_ROTATED(.Lfault_line_0, %zmm17, 64(src,back))
	window	%zmm16, %zmm17
	STORE(.Lfault_window_0, 64, vmovntdq, %zmm16, (dst))
	vmovdqa64 %zmm17, %zmm16
	advance	$64
	jmp	.Lsingle
.Ltail:
	sfence
	leaq	-1(left), %rax
	addq	src, %rax
	andq	$-64, %rax
	LOAD_ROTATED(.Lfault_line_0, %zmm17, (%rax))
	last_mask
	window	%zmm16, %zmm17
	STORE_MASKED(.Lfault_window_0, %edx, vmovdqu8, %zmm16, (dst))
	xorl	%eax, %eax
	ret

#define FENCE sfence
#include "fixups_avx512.inc"
endfunc mcsafe__copy_nt_avx512
