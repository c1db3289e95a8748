/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_nt_avx2.S - copy with 32-byte vectors and stores that bypass the caches
 *
 *	size_t mcsafe__copy_nt_avx2(void *dst, const void *src, size_t n,
 *				    struct mcsafe__landing *landing);
 *
 * Copies n bytes upwards and returns how many were not copied; *landing is written only if that is
 * not 0 or a write fault went away while it was looked at. vector.h has the rules for loads and
 * faults, and the copies up to 64 bytes.
 *
 * All but the first and the last MCSAFE__NT_EDGE bytes (routines.h) are stored non-temporally if
 * *landing is not written. Ends with SFENCE wherever it has stored so.
 *
 * Needs	AVX2 (CPUID leaf 7, EBX bit 5; XCR0 bits 1 and 2)
 * Keeps	in %r8 behind the head: as in the last group (vector.h), for the loops overlap it
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
 */
#include "prefetch.h"
#include "vector.h"

/* So that LOAD() can put the memory operand second, and the registers last. */
.macro	vinserti128_high mem:vararg
	vinserti128 $1, \mem
.endm
#define YMM0_HIGH %ymm0, %ymm0

func mcsafe__copy_nt_avx2
	copy_short

	.p2align 4
.Lmore:
	group_64
	cmpq	$192, left
	jbe	.Lgroups
	leaq	-64(left), %r8
	addq	$32, src
	addq	$32, dst
	subq	$32, left
	movl	%edi, %eax
	andl	$31, %eax
	subq	$32, %rax			/* on by 1 to 32 bytes, until dst is a multiple of 32 */
	subq	%rax, src
	subq	%rax, dst
	addq	%rax, left
	testb	$32, %sil
	jz	.Llower_half
	group_32 tail_
	addq	$32, src
	addq	$32, dst
	subq	$32, left
.Llower_half:
	testb	$31, %sil
	jz	.Ldirect

	/*
	 * The last of the three chunks may lie behind the 64 bytes, but not in a line behind the
	 * operand: more than 64 bytes are left.
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
	group_64 tail_
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
	group_64
	jmp	.Lgroups

	/* Invariant: 32 bytes of the group are stored, and nothing more was read. */
.Lfault_half:
	subq	$32, left
	/* Invariant: nothing of the group was read. */
.Lfault_start:
	vmovq	%r8, %xmm7
	jmp	.Lfault_byte

	/* Invariant: the same, and xmm0 is the chunk at src + %rax, in which the next byte lies. */
.Lfault_mixed_1:
	note_fault landing
	leaq	-32(left), %r8			/* the chunk begins in what is stored */
	vmovq	%r8, %xmm7
	movq	%rax, %r8
	movl	$16, %eax
	jmp	.Lrescue

	/* Invariant: the same, and the chunk after it is in the upper half of ymm0. */
.Lfault_mixed_2:
	note_fault landing
	leaq	-32(left), %r8			/* the chunk begins in what is stored */
	vmovq	%r8, %xmm7
	movq	%rax, %r8
	movl	$32, %eax
	vextracti128 $1, %ymm0, %xmm1
	jmp	.Lrescue

	/* Invariant: ymm2 or ymm0 belongs at dst, ymm1 32 bytes behind it. */
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
	vector_fixups mcsafe__copy_nt_avx2, sfence
endfunc mcsafe__copy_nt_avx2
