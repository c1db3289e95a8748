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
 * windows_avx2.h has the rules for loads and faults, short_avx2.inc the copies of up to 64 bytes.
 *
 * All but the first and the last MCSAFE__NT_EDGE bytes (routines.h) are stored non-temporally,
 * except that a fixup stores up to 64 bytes where the function stops. Ends with SFENCE wherever it
 * has stored so.
 *
 * Needs	AVX2 (CPUID leaf 7, EBX bit 5; XCR0 bits 1 and 2)
 * Keeps	%r8 after the head: it has its meaning of the last group (windows_avx2.h), because
 *		the loops overlap the head
 * Clobbers	%rax, %r8-%r11, %xmm0-%xmm7 and the argument registers
 *
 * Phases	n <= 192	groups of 64 bytes of windows; the last one overlaps
 *		n > 192	head	64 bytes of windows
 *			then	the destination is a multiple of 32, and the source in the lower
 *				half of a line
 *			direct	64 bytes a turn, if the source is a multiple of 32 too
 *			mixed	else: 32 bytes that lie in one line, and 32 that do not, in the
 *				chunks at src + %rax
 *			tail	64 bytes of windows up to the end
 *
 * Trace	n = 1000, src % 64 = 13, dst % 64 = 0: .L65_and_more stores 64 bytes of windows
 *		dst is a multiple of 32: src and dst go on by 64, so that src % 64 = 13, left = 936
 *		.Lmixed: %rax = 19; 14 turns of 64 bytes, until left = 40
 *		.Ltail: %r8 = 40, src and dst go back by 24; 64 bytes of windows up to the end
 *		sfence; returns 0
 */
#include "prefetch.h"
#include "windows_avx2.h"

/*
 * VINSERTI128 to the upper half, with its operands in the order that LOAD() writes.
 * In: \mem, the memory operand and the registers
 * Out: the last register
 * Changes: nothing else
 */
.macro	vinserti128_high mem:vararg
	vinserti128 $1, \mem
.endm
#define YMM0_HIGH %ymm0, %ymm0

func mcsafe__copy_nt_avx2
#include "short_avx2.inc"

	.p2align 4
.L65_and_more:
	shift_setup
	at_first_chunk
	LOAD(.Lfault_chunk_0, 16, vmovdqa, %xmm0, (%rax))
	LOAD(.Lfault_chunk_1, 16, vmovdqa, %xmm1, 16(%rax))
	window	%xmm0, %xmm1
	STORE(.Lfault_window_0, 16, vmovdqu, %xmm5, (dst))
	LOAD(.Lfault_chunk_2, 16, vmovdqa, %xmm2, 32(%rax))
	window	%xmm1, %xmm2
	STORE(.Lfault_window_1, 16, vmovdqu, %xmm5, 16(dst))
	LOAD(.Lfault_chunk_3, 16, vmovdqa, %xmm3, 48(%rax))
	window	%xmm2, %xmm3
	STORE(.Lfault_window_2, 16, vmovdqu, %xmm5, 32(dst))
	at_last_chunk 64
	LOAD(.Lfault_chunk_4, 16, vmovdqa, %xmm0, (%rax))
	window	%xmm3, %xmm0
	STORE(.Lfault_window_3, 16, vmovdqu, %xmm5, 48(dst))
	cmpq	$192, left
	jbe	.Lgroups
	leaq	-64(left), %r8
	addq	$32, src
	addq	$32, dst
	subq	$32, left
	movl	%edi, %eax
	andl	$31, %eax
	subq	$32, %rax			/* on by 1 to 32 bytes, to a multiple of 32 */
	subq	%rax, src
	subq	%rax, dst
	addq	%rax, left
	testb	$32, %sil
	jz	.Llower_half
	shift_setup
	at_first_chunk
	LOAD(.Ltail_fault_chunk_0, 16, vmovdqa, %xmm0, (%rax))
	LOAD(.Ltail_fault_chunk_1, 16, vmovdqa, %xmm1, 16(%rax))
	window	%xmm0, %xmm1
	STORE(.Ltail_fault_window_0, 16, vmovdqu, %xmm5, (dst))
	at_last_chunk 32
	LOAD(.Ltail_fault_chunk_2, 16, vmovdqa, %xmm2, (%rax))
	window	%xmm1, %xmm2
	STORE(.Ltail_fault_window_1, 16, vmovdqu, %xmm5, 16(dst))
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
	vinserti128 $1, %xmm6, %ymm6, %ymm6
	vinserti128 $1, %xmm7, %ymm7, %ymm7
	movl	$32, %eax
	subl	%r9d, %eax
	.p2align 5
.Lmixed:
	prefetch_ahead 64
	LOAD(.Lfault_start, 32, vmovdqu, %ymm2, (src))
	STORE(.Lfault_mixed, 32, vmovntdq, %ymm2, (dst))
	LOAD(.Lfault_half, 16, vmovdqa, %xmm0, (src,%rax))
	LOAD(.Lfault_mixed_1, 16, vinserti128_high, YMM0_HIGH, 16(src,%rax))
	LOAD(.Lfault_mixed_2, 16, vmovdqa, %xmm1, 32(src,%rax))
	vperm2i128 $0x21, %ymm1, %ymm0, %ymm1	/* the upper half of ymm0, the lower of ymm1 */
	vpshufb	%ymm6, %ymm0, %ymm2
	vpshufb	%ymm7, %ymm1, %ymm1
	vpor	%ymm2, %ymm1, %ymm1
	STORE(.Lfault_second_half, 32, vmovntdq, %ymm1, 32(dst))
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
	STORE(.Lfault_direct, 32, vmovntdq, %ymm0, (dst))
	LOAD(.Lfault_half, 32, vmovdqa, %ymm1, 32(src))
	STORE(.Lfault_second_half, 32, vmovntdq, %ymm1, 32(dst))
	addq	$64, src
	addq	$64, dst
	subq	$64, left
	cmpq	$64, left
	ja	.Ldirect

.Ltail:
	movq	left, %r8
	to_last	64
	shift_setup
	at_first_chunk
	LOAD(.Ltail_fault_chunk_0, 16, vmovdqa, %xmm0, (%rax))
	LOAD(.Ltail_fault_chunk_1, 16, vmovdqa, %xmm1, 16(%rax))
	window	%xmm0, %xmm1
	STORE(.Ltail_fault_window_0, 16, vmovdqu, %xmm5, (dst))
	LOAD(.Ltail_fault_chunk_2, 16, vmovdqa, %xmm2, 32(%rax))
	window	%xmm1, %xmm2
	STORE(.Ltail_fault_window_1, 16, vmovdqu, %xmm5, 16(dst))
	LOAD(.Ltail_fault_chunk_3, 16, vmovdqa, %xmm3, 48(%rax))
	window	%xmm2, %xmm3
	STORE(.Ltail_fault_window_2, 16, vmovdqu, %xmm5, 32(dst))
	at_last_chunk 64
	LOAD(.Ltail_fault_chunk_4, 16, vmovdqa, %xmm0, (%rax))
	window	%xmm3, %xmm0
	STORE(.Ltail_fault_window_3, 16, vmovdqu, %xmm5, 48(dst))
	sfence
	vzeroupper
	xorl	%eax, %eax
	ret

.Lgroups:
	addq	$64, src
	addq	$64, dst
	subq	$64, left
	cmpq	$64, left
	jbe	.Ltail
	shift_setup
	at_first_chunk
	LOAD(.Lfault_chunk_0, 16, vmovdqa, %xmm0, (%rax))
	LOAD(.Lfault_chunk_1, 16, vmovdqa, %xmm1, 16(%rax))
	window	%xmm0, %xmm1
	STORE(.Lfault_window_0, 16, vmovdqu, %xmm5, (dst))
	LOAD(.Lfault_chunk_2, 16, vmovdqa, %xmm2, 32(%rax))
	window	%xmm1, %xmm2
	STORE(.Lfault_window_1, 16, vmovdqu, %xmm5, 16(dst))
	LOAD(.Lfault_chunk_3, 16, vmovdqa, %xmm3, 48(%rax))
	window	%xmm2, %xmm3
	STORE(.Lfault_window_2, 16, vmovdqu, %xmm5, 32(dst))
	at_last_chunk 64
	LOAD(.Lfault_chunk_4, 16, vmovdqa, %xmm0, (%rax))
	window	%xmm3, %xmm0
	STORE(.Lfault_window_3, 16, vmovdqu, %xmm5, 48(dst))
	jmp	.Lgroups

	/* Invariant: 32 bytes of the group are stored, and no byte after them was read. */
.Lfault_half:
	addq	$32, src
	subq	$32, left
	/* Invariant: no byte of the group was read. */
.Lfault_start:
	vmovq	%r8, %xmm7
	jmp	.Lfault_byte

	/*
	 * Invariant: 32 bytes of the group are stored. xmm0 is the chunk at src + %rax, in which
	 * the next byte lies.
	 */
.Lfault_mixed_1:
	leaq	-32(left), %r8			/* the chunk begins in bytes that are stored */
	vmovq	%r8, %xmm7
	movq	%rax, %r8
	movl	$16, %eax
	jmp	.Lrescue

	/*
	 * Invariant: 32 bytes of the group are stored. ymm0 holds the two chunks at src + %rax, and
	 * the next byte lies in the first one.
	 */
.Lfault_mixed_2:
	leaq	-32(left), %r8			/* the chunk begins in bytes that are stored */
	vmovq	%r8, %xmm7
	movq	%rax, %r8
	movl	$32, %eax
	vextracti128 $1, %ymm0, %xmm1
	jmp	.Lrescue

	/* Invariant: ymm2 (mixed) or ymm0 (direct) belongs at dst, and ymm1 at dst + 32. */
.Lfault_mixed:
	vmovdqa	%ymm2, %ymm0
.Lfault_direct:
	vmovq	%r8, %xmm7
	xorl	%r8d, %r8d
	jmp	.Lfault_ymm_again
.Lfault_second_half:
	vmovdqa	%ymm1, %ymm0
	vmovq	%r8, %xmm7
	movl	$32, %r8d
	jmp	.Lfault_ymm_again

#define FENCE sfence
#include "fixups_avx2.inc"
endfunc mcsafe__copy_nt_avx2
