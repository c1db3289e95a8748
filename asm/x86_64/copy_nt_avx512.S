/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_nt_avx512.S - copy with 64-byte vectors and stores that bypass the caches
 *
 *	size_t mcsafe__copy_nt_avx512(void *dst, const void *src, size_t n,
 *				      struct mcsafe__landing *landing);
 *
 * Copies n bytes upwards and returns how many were not copied; *landing is written only if that is
 * not 0 or a write fault went away while it was looked at. vector512.h has the rules for loads and
 * faults.
 *
 * All but the first and the last MCSAFE__NT_EDGE bytes (routines.h) are stored non-temporally if
 * *landing is not written. Ends with SFENCE wherever it has stored so.
 *
 * Needs	AVX512F, AVX512BW and AVX512_VBMI (CPUID leaf 7, EBX bits 16 and 30, ECX bit 1; XCR0
 *		bits 1, 2 and 5 to 7), BMI2 (EBX bit 8)
 * Clobbers	%rax, %r8-%r11, zmm16-zmm25, %k1 and the argument registers
 *
 * Phases	n <= 64		one window
 *		n > 64	head	up to a line of the destination
 *			turns	4 windows, each one line of the destination, then 1
 *			tail	the last window, 1 to 64 bytes
 */
#include "prefetch.h"
#include "vector512.h"

func mcsafe__copy_nt_avx512
	testq	left, left
	jz	.Lnothing
	cmpq	$64, left
	ja	.Lmore
	find_line
	first_line
	leaq	-1(left), %rax
	window_last 0, 16, 17
.Lnothing:
	xorl	%eax, %eax
	ret

	.p2align 6
.Lmore:
	align_destination
	find_line
	first_line
	cmpq	$256, left
	jbe	.Lsingle
	.p2align 6
.Lturn:
	prefetch_ahead 256
	window_step 0, 16, 17, vmovntdq
	window_step 1, 17, 18, vmovntdq
	window_step 2, 18, 19, vmovntdq
	window_step 3, 19, 16, vmovntdq
	advance	$256
	cmpq	$256, left
	ja	.Lturn
.Lsingle:
	cmpq	$64, left
	jbe	.Ltail
	window_step 0, 16, 17, vmovntdq
	vmovdqa64 %zmm17, %zmm16
	advance	$64
	jmp	.Lsingle
.Ltail:
	sfence
	leaq	-1(left), %rax
	window_last 0, 16, 17
	vector512_fixups mcsafe__copy_nt_avx512, sfence
endfunc mcsafe__copy_nt_avx512
