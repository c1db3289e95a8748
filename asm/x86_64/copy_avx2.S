/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_avx2.S - copy with 32-byte vectors
 *
 *	size_t mcsafe__copy_avx2(void *dst, const void *src, size_t n,
 *				 struct mcsafe_fault *fault);
 *
 * Copies n bytes upwards and returns how many were not copied. *fault is written only if that is
 * not 0.
 * windows_avx2.h has the rules for loads and faults, short_avx2.inc the copies of up to 63 bytes.
 *
 * Needs	AVX2 (CPUID leaf 7, EBX bit 5; XCR0 bits 1 and 2)
 * Keeps	%r8, the bound of the result (windows_avx2.h)
 * Clobbers	%rax, %r8-%r10, %ymm0-%ymm7, the red zone and the argument registers; %r11 on a
 *		fault
 *
 * Phases	n <= 63		short_avx2.inc
 *		head	the first 64 bytes in windows
 *		blocks	if n > 128: 32 bytes, aligned at the source, which is read. Stores that
 *			cross a line cost less than shuffles. The first block overlaps the head.
 *			There are 64 bytes a turn, and 128 from LEAST_LONG on: in shorter copies the
 *			second loop costs more than it saves.
 *		tail	the last 64 bytes in windows
 *
 * Trace	n = 200, src % 64 = 13: goes to .L64_and_more
 *		head: loads the 5 chunks from src - 13 on, stores 2 windows; %r8 = 136
 *		src and dst go on by 51, to a multiple of 32: left = 149
 *		.Lblocks: 2 turns, until left = 21
 *		tail: %r8 = 21, src and dst go back by 43; now src % 64 = 21
 *		loads the 5 chunks from src - 5 on, stores 2 windows; returns 0
 */
#include "windows_avx2.h"

#define LEAST_LONG 1024

func mcsafe__copy_avx2
#include "short_avx2.inc"

	.p2align 6
.L64_and_more:
	movq	left, bound
#include "group_avx2.inc"
	cmpq	$128, left
	ja	.Lto_block
	leaq	-64(left), bound
.Ltail:
	to_last	64
#include "group_avx2.inc"
	vzeroupper
	xorl	%eax, %eax
	ret

.Lto_block:
	leaq	-64(left), bound
	movl	%esi, %eax
	andl	$31, %eax
	subq	$64, %rax			/* 33 to 64 bytes on, to a multiple of 32 */
	subq	%rax, src
	subq	%rax, dst
	addq	%rax, left
	cmpq	$LEAST_LONG, left
	jae	.Llong
	.p2align 6
.Lblocks:					/* 65 bytes or more are left */
	LOAD(.Lfault_block_0, 32, vmovdqa, %ymm0, (src))
	STORE(.Lfault_store_0, 32, vmovdqu, %ymm0, (dst))
	LOAD(.Lfault_block_1, 32, vmovdqa, %ymm1, 32(src))
	STORE(.Lfault_store_1, 32, vmovdqu, %ymm1, 32(dst))
	addq	$64, src
	addq	$64, dst
	subq	$64, left
	cmpq	$64, left
	ja	.Lblocks
	movq	left, bound
	jmp	.Ltail

	/* AMD Zen 5 runs a loop of this length faster by a fifth if it begins at half a line. */
	.p2align 6
	.nops	32
.Llong:
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
	cmpq	$192, left
	ja	.Llong
	jmp	.Lblocks

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
	jmp	.Lfault_byte

#define AGAIN mcsafe__copy_avx2
#define FENCE
#include "fixups_avx2.inc"

	/* Invariant: the 3 blocks before it are stored, and ymm3 belongs at dst + 96. */
.Lfault_store_3:
	vmovdqa	%ymm3, %ymm0
	movl	$96, %eax
	jmp	.Lfault_register
	/* Invariant: the 2 blocks before it are stored, and ymm2 belongs at dst + 64. */
.Lfault_store_2:
	vmovdqa	%ymm2, %ymm0
	movl	$64, %eax
	jmp	.Lfault_register
endfunc mcsafe__copy_avx2
