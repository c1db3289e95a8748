/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_nt_avx2.S - copy with 32-byte vectors and stores that bypass the caches
 *
 *	size_t mcsafe__copy_nt_avx2(void *dst, const void *src, size_t n,
 *				    struct mcsafe_fault *fault);
 *
 * Copies n bytes upwards and returns how many were not copied. *fault is written only if that is
 * not 0. The function stops at a store that failed, even if its cause was gone when its bytes were
 * stored again. Then the side in *fault is 0, and the caller does the rest.
 * windows_avx2.h has the rules for loads and faults, short_avx2.inc the copies of up to 63 bytes.
 *
 * All but up to 96 bytes at each end are stored non-temporally, except that a fixup stores up to 64
 * bytes where the function stops. Ends with SFENCE wherever it has stored so.
 *
 * Needs	AVX2 (CPUID leaf 7, EBX bit 5; XCR0 bits 1 and 2)
 * Keeps	%r8, the bound of the result (windows_avx2.h)
 * Clobbers	%rax, %r8-%r11, %ymm0-%ymm7, the red zone and the argument registers
 *
 * Phases	n <= 63		short_avx2.inc
 *		n <= 192	groups of 64 bytes of windows; the last one overlaps
 *		n > 192	head	64 bytes of windows
 *			then	the destination is a multiple of 32, and the source in the lower
 *				half of a line
 *			direct	64 bytes a turn, if the source is a multiple of 32 too
 *			mixed	else: 32 bytes that lie in one line, and 32 that do not, in the
 *				chunks at src + %rax
 *			tail	64 bytes of windows up to the end
 *
 * Trace	n = 1000, src % 64 = 13, dst % 64 = 0: .L64_and_more stores 64 bytes of windows
 *		dst is a multiple of 32: src and dst go on by 64, so that src % 64 = 13, left = 936
 *		.Lmixed: %rax = 19; 14 turns of 64 bytes, until left = 40
 *		.Ltail: %r8 = 40, src and dst go back by 24; 64 bytes of windows up to the end
 *		sfence; returns 0
 */
#include "prefetch.h"
#include "windows_avx2.h"

func mcsafe__copy_nt_avx2
#include "short_avx2.inc"

	.p2align 4
.L64_and_more:
	movq	left, bound
.Lgroups:
#include "group_avx2.inc"
	cmpq	$192, left
	ja	.Lhead
	addq	$64, src
	addq	$64, dst
	subq	$64, left
	cmpq	$64, left
	ja	.Lgroups
	testq	left, left
	jnz	.Ltail
	vzeroupper
	xorl	%eax, %eax
	ret

.Lhead:					/* of more than 192 bytes: the first 64 are stored */
	leaq	-64(left), bound
	movl	%edi, %eax
	andl	$31, %eax
	subq	$64, %rax			/* on by 33 to 64 bytes, to a multiple of 32 */
	subq	%rax, src
	subq	%rax, dst
	addq	%rax, left
	testb	$32, %sil
	jz	.Llower_half
	shift_setup
	movq	src, %rax
	andq	$-16, %rax
	LOAD(.Lfault_chunk_0, 16, vmovdqa, %xmm0, (%rax))
	LOAD(.Lfault_chunk_1, 16, vinserti128_high, YMM0_HIGH, 16(%rax))
	leaq	31(src), %rax
	andq	$-16, %rax			/* the last byte's, which may be the second */
	LOAD(.Lfault_chunk_2, 16, vmovdqa, %xmm1, (%rax))
	window	%ymm0, %ymm1, %ymm3
	STORE(.Lfault_window_0, 32, vmovdqu, %ymm3, (dst))
	addq	$32, src
	addq	$32, dst
	subq	$32, left
.Llower_half:
	testb	$31, %sil
	jz	.Ldirect

	/*
	 * The last of the three chunks may lie past the 64 bytes. It does not lie in a line past
	 * the end of the source, because more than 64 bytes are left.
	 */
	shift_setup
	movl	$32, %eax
	subl	%r9d, %eax
	.p2align 5
.Lmixed:
	prefetch_ahead 64
	LOAD(.Lfault_start, 32, vmovdqu, %ymm3, (src))
	STORE(.Lfault_window_0, 32, vmovntdq, %ymm3, (dst))
	LOAD(.Lfault_half, 16, vmovdqa, %xmm0, (src,%rax))
	LOAD(.Lfault_mixed_1, 16, vinserti128_high, YMM0_HIGH, 16(src,%rax))
	LOAD(.Lfault_mixed_2, 16, vmovdqa, %xmm1, 32(src,%rax))
	window	%ymm0, %ymm1, %ymm1
	STORE(.Lfault_store_1, 32, vmovntdq, %ymm1, 32(dst))
	addq	$64, src
	addq	$64, dst
	subq	$64, left
	cmpq	$64, left
	ja	.Lmixed
	jmp	.Ltail

	.p2align 5
.Ldirect:
	prefetch_ahead 64
	LOAD(.Lfault_start, 32, vmovdqa, %ymm0, (src))
	STORE(.Lfault_store_0, 32, vmovntdq, %ymm0, (dst))
	LOAD(.Lfault_half, 32, vmovdqa, %ymm1, 32(src))
	STORE(.Lfault_store_1, 32, vmovntdq, %ymm1, 32(dst))
	addq	$64, src
	addq	$64, dst
	subq	$64, left
	cmpq	$64, left
	ja	.Ldirect

.Ltail:
	movq	left, bound
	to_last	64
#include "group_avx2.inc"
	sfence
	vzeroupper
	xorl	%eax, %eax
	ret

	/* Invariant: 32 bytes of the group are stored, and no byte after them was read. */
.Lfault_half:
	addq	$32, src
	subq	$32, left
	/* Invariant: no byte of the group was read. */
.Lfault_start:
	jmp	.Lfault_byte

	/*
	 * Invariant: 32 bytes of the group are stored. xmm0 is the chunk at src + %rax, in which
	 * the next byte lies.
	 */
.Lfault_mixed_1:
	vmovdqu	%xmm0, -80(%rsp)
	subq	$16, %rax
	jmp	.Lfault_mixed

	/*
	 * Invariant: 32 bytes of the group are stored. ymm0 holds the two chunks at src + %rax, and
	 * the next byte lies in the first one.
	 */
.Lfault_mixed_2:
	vmovdqu	%ymm0, -96(%rsp)
	/* Invariant: the first %rax bytes that end at -64(%rsp) belong at dst + 32. */
.Lfault_mixed:
	vmovq	bound, %xmm7
	addq	$32, src
	addq	$32, dst
	subq	$32, left
	negq	%rax
	jmp	.Lrescue

#define FENCE sfence
#include "fixups_avx2.inc"
endfunc mcsafe__copy_nt_avx2
