/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_avx2.S - copy with 32-byte vectors
 *
 *	size_t mcsafe__copy_avx2(void *dst, const void *src, size_t n,
 *				 struct mcsafe_fault *fault);
 *
 * Copies n bytes upwards and returns how many were not copied. *fault is written only if that is
 * not 0.
 * windows_avx2.h has the rules for loads and faults, short_avx2.inc the copies of up to 64 bytes.
 *
 * Needs	AVX2 (CPUID leaf 7, EBX bit 5; XCR0 bits 1 and 2)
 * Keeps	%r8 while blocks are copied: it has its meaning of the last group (windows_avx2.h),
 *		because the blocks overlap the head
 * Clobbers	%rax, %r8-%r10, %xmm0-%xmm7 and the argument registers; %r11 on a fault
 *
 * Phases	n > 64		as blocks, if src and n are multiples of 32
 *		n <= 128	64 bytes of windows from the start, and 64 up to the end
 *		n > 128	head	32 bytes of windows
 *			blocks	32 bytes, aligned at the source, which is read. Stores that cross a
 *				line cost less than shuffles. After the head there are n / 32 - 1 or
 *				n / 32 whole blocks. The first n / 32 - 1 are copied. Then the last
 *				block is copied, which may be one of these. So the number of blocks
 *				does not depend on the alignment.
 *			tail	32 bytes of windows up to the end
 *
 * Trace	n = 100, src % 64 = 13: short_avx2.inc goes to .L65_and_more; n is no multiple of 32
 *		first group: loads the 5 chunks from src - 13 on, stores 4 windows from dst on
 *		to_last: src and dst go on by 36, %r8 = 36; now src % 64 = 49
 *		last group: loads the 5 chunks from src - 1 on, stores 4 windows up to the end
 *		returns 0
 */
#include "windows_avx2.h"

#define blocks	%rax		/* whole blocks to go */

func mcsafe__copy_avx2
#include "short_avx2.inc"

	.p2align 4
.L65_and_more:
	movl	%edx, %eax
	orl	%esi, %eax
	testb	$31, %al
	movq	left, blocks
	movq	left, %r8
	jz	.Lall_blocks
	cmpq	$128, left
	ja	.Lhead

.L65_to_128:
	/* The first 64 bytes. */
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

	/* The last 64 bytes. */
	leaq	-64(left), %r8
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
	xorl	%eax, %eax
	ret

	.p2align 4
.Lhead:
	shift_setup
	at_first_chunk
	LOAD(.Lfault_chunk_0, 16, vmovdqa, %xmm0, (%rax))
	LOAD(.Lfault_chunk_1, 16, vmovdqa, %xmm1, 16(%rax))
	window	%xmm0, %xmm1
	STORE(.Lfault_window_0, 16, vmovdqu, %xmm5, (dst))
	at_last_chunk 32
	LOAD(.Lfault_chunk_2, 16, vmovdqa, %xmm2, (%rax))
	window	%xmm1, %xmm2
	STORE(.Lfault_window_1, 16, vmovdqu, %xmm5, 16(dst))

	/* Go on to the first block. */
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

	/* The last block. */
	leaq	(src,left), %rax
	andq	$-32, %rax
	subq	$32, %rax
	subq	src, %rax			/* 0, or -32 if this block is copied already */
	LOAD(.Lfault_load, 32, vmovdqa, %ymm0, (src,%rax))
	STORE(.Lfault_last_block, 32, vmovdqu, %ymm0, (dst,%rax))

	/* The last 32 bytes. */
	leaq	-32(left), %r8
	subq	%rax, %r8
	to_last	32
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
.Ldone:
	vzeroupper
	xorl	%eax, %eax
	ret

	/* Invariant: k blocks from src on are stored, and block k was not read. */
.Lfault_block_3:
	addq	$32, src
	subq	$32, left
.Lfault_block_2:
	addq	$32, src
	subq	$32, left
.Lfault_block_1:
	addq	$32, src
	subq	$32, left
.Lfault_block_0:
	vmovq	%r8, %xmm7
	jmp	.Lfault_byte

	/* Invariant: the k blocks from dst on are stored. The whole ymm k belongs after them. */
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
	/* Invariant: ymm0 is whole, and belongs at dst + %rax. All bytes before dst are stored. */
.Lfault_last_block:
	vmovq	left, %xmm7
	movq	%rax, %r8
	jmp	.Lfault_ymm_again

#define AGAIN mcsafe__copy_avx2
#define FENCE
#include "fixups_avx2.inc"
endfunc mcsafe__copy_avx2
