/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_avx2.S - copy with 32-byte vectors
 *
 *	size_t mcsafe__copy_avx2(void *dst, const void *src, size_t n,
 *				 struct mcsafe__landing *landing);
 *
 * Copies n bytes upwards and returns how many were not copied; *landing is written only if that is
 * not 0 or a write fault went away while it was looked at. vector.h has the rules for loads and
 * faults, and the copies up to 64 bytes.
 *
 * Needs	AVX2 (CPUID leaf 7, EBX bit 5; XCR0 bits 1 and 2)
 * Keeps	in %r8 while blocks are copied: as in the last group (vector.h), for they overlap the head
 * Clobbers	%rax, %r8-%r10, %xmm0-%xmm7 and the argument registers; %r11 on a fault
 *
 * Phases	n > 64		as blocks if src and n are multiples of 32
 *		n <= 128	64 bytes of windows from the start, and 64 up to the end
 *		n > 128	head	32 bytes of windows
 *			blocks	32 bytes, aligned at the source, which is read; stores that cross
 *				a line cost less than shuffles. There are n / 32 - 1 or n / 32
 *				whole blocks behind the head: the first n / 32 - 1 are copied,
 *				and then the last, which may be one of these. So the number
 *				does not depend on the alignment.
 *			tail	32 bytes of windows up to the end
 */
#include "vector.h"

#define blocks	%rax		/* whole blocks to go */

func mcsafe__copy_avx2
	copy_short

	.p2align 4
.Lmore:
	movl	%edx, %eax
	orl	%esi, %eax
	testb	$31, %al
	movq	left, blocks
	movq	left, %r8
	jz	.Lall_blocks
	cmpq	$128, left
	ja	.Lhead
	group_64
	leaq	-64(left), %r8
	to_last	64
	group_64 tail_
	xorl	%eax, %eax
	ret

	.p2align 4
.Lhead:
	group_32
	movq	left, blocks
	leaq	-32(left), %r8
	movl	%esi, %r9d
	andl	$31, %r9d
	subq	$32, %r9			/* 1 to 32 bytes until src is a multiple of 32 */
	subq	%r9, src
	subq	%r9, dst
	addq	%r9, left
	subq	$32, blocks
.Lall_blocks:
	shrq	$5, blocks
	testb	$1, %al
	jz	.Lblocks_even
	LOAD(.Lfault_block_0, 32, vmovdqa, %ymm0, (src))
	STORE(.Lfault_store_0, 32, vmovdqu, %ymm0, (dst))
	addq	$32, src
	addq	$32, dst
	subq	$32, left
.Lblocks_even:
	testb	$2, %al
	jz	.Lblocks_of_4
	LOAD(.Lfault_block_0, 32, vmovdqa, %ymm0, (src))
	STORE(.Lfault_store_0, 32, vmovdqu, %ymm0, (dst))
	LOAD(.Lfault_block_1, 32, vmovdqa, %ymm1, 32(src))
	STORE(.Lfault_store_1, 32, vmovdqu, %ymm1, 32(dst))
	addq	$64, src
	addq	$64, dst
	subq	$64, left
.Lblocks_of_4:
	shrq	$2, blocks
	jz	.Lblocks_done
	.p2align 5
.Lblocks:
	LOAD(.Lfault_block_0, 32, vmovdqa, %ymm0, (src))
	STORE(.Lfault_store_0, 32, vmovdqu, %ymm0, (dst))
	LOAD(.Lfault_block_1, 32, vmovdqa, %ymm1, 32(src))
	STORE(.Lfault_store_1, 32, vmovdqu, %ymm1, 32(dst))
	LOAD(.Lfault_block_2, 32, vmovdqa, %ymm2, 64(src))
	STORE(.Lfault_store_2, 32, vmovdqu, %ymm2, 64(dst))
	LOAD(.Lfault_block_3, 32, vmovdqa, %ymm3, 96(src))
	STORE(.Lfault_store_3, 32, vmovdqu, %ymm3, 96(dst))
	subq	$-128, src
	subq	$-128, dst
	addq	$-128, left
	decq	blocks
	jnz	.Lblocks
.Lblocks_done:
	testq	left, left
	jz	.Ldone

	leaq	(src,left), %rax
	andq	$-32, %rax
	subq	$32, %rax
	subq	src, %rax			/* the last block: 0, or -32 if it is done */
	LOAD(.Lfault_load, 32, vmovdqa, %ymm0, (src,%rax))
	STORE(.Lfault_last_block, 32, vmovdqu, %ymm0, (dst,%rax))
	leaq	-32(left), %r8
	subq	%rax, %r8
	to_last	32
	group_32 tail_
.Ldone:
	vzeroupper
	xorl	%eax, %eax
	ret

	/* Invariant: k blocks from src on are stored, and nothing behind them was read. */
.Lfault_block_3:
	subq	$32, left
.Lfault_block_2:
	subq	$32, left
.Lfault_block_1:
	subq	$32, left
.Lfault_block_0:
	vmovq	%r8, %xmm7
	jmp	.Lfault_byte

	/* Invariant: ymm k is whole, and belongs behind the k blocks from dst on, which are stored. */
.Lfault_store_3:
	vmovq	%r8, %xmm7
	movl	$96, %r8d
	vmovdqa	%ymm3, %ymm0
	jmp	.Lfault_ymm_again
.Lfault_store_2:
	vmovq	%r8, %xmm7
	movl	$64, %r8d
	vmovdqa	%ymm2, %ymm0
	jmp	.Lfault_ymm_again
.Lfault_store_1:
	vmovq	%r8, %xmm7
	movl	$32, %r8d
	vmovdqa	%ymm1, %ymm0
	jmp	.Lfault_ymm_again
.Lfault_store_0:
	vmovq	%r8, %xmm7
	xorl	%r8d, %r8d
	jmp	.Lfault_ymm_again
.Lfault_last_block:
	vmovq	left, %xmm7
	movq	%rax, %r8
	jmp	.Lfault_ymm_again
	vector_fixups mcsafe__copy_avx2
endfunc mcsafe__copy_avx2
