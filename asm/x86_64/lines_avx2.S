/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lines_avx2.S - copy whole lines of the destination past the caches, with 32-byte vectors
 *
 *	size_t mcsafe__lines_avx2(void *dst, const void *src, size_t n, struct mcsafe_fault *fault);
 *
 * dst and n are multiples of 64. Copies n bytes upwards and returns how many were not copied;
 * *fault is written if that is not 0. Each line is stored by two non-temporal stores, so it needs
 * no write-back. The function has no fence: the caller orders the lines with SFENCE. If the last
 * byte that was copied is not the last of a line, bytes of that line were stored through the
 * caches.
 *
 * Needs	AVX2 (CPUID leaf 7, EBX bit 5; XCR0 bits 1 and 2)
 * Clobbers	%rax, %r8-%r11, %ymm0-%ymm10 and the argument registers. The upper halves are
 *		cleared.
 *
 * A "block" is 32 aligned bytes, half of a line. Each block of the source is loaded once, and its
 * bytes are rotated to their places in blocks of the destination. A block of the destination needs
 * bytes of two blocks of the source. Its first "low" bytes, low = -src mod 32, are in the block
 * that the destination's block before it needed, too.
 *
 * Loads	Each load is of one block that holds a byte of the source.
 *
 * Trace	n = 64, src % 32 = 13: low = 19; loads the block of src, then the next one, and
 *		stores 19 bytes of the first and 13 of the second; loads the third, and stores 19
 *		bytes of the second and 13 of the third; returns 0
 *
 * On a fault	If a store of a block fails, the side in *fault is 0. The destination is aligned,
 *		and memory is lost from a line on, so the result is exact. But the cause may be
 *		gone: the caller tries the rest by another copy. If a load fails, the low bytes of
 *		the block are in a register, and are stored one by one. So the result is exact.
 */
#include "asm.h"

#define dst		%rdi	/* its end, after the start */
#define src		%rsi
#define src_and_low	%rsi	/* (src_and_low,at) is the next block of the source */
#define n		%rdx
#define record		%rcx	/* only a fixup looks at it */
#define at		%rax	/* less the number of bytes that are left */
#define low		%r8d

	.section .rodata.mcsafe_blocks, "a", @progbits
	.p2align 5
/*
 * Operands of VPSHUFB in both halves, for a rotation by k: from "rotations + k" on, for the bytes
 * that stay in their half; from "rotations + 16 + k" on, for those that come from the other one.
 */
	.type	rotations, @object
rotations:
	.rept	2
	.byte	0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07
	.byte	0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f
	.byte	0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87
	.byte	0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f
	.endr
	.byte	0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07
	.byte	0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f
	.size	rotations, . - rotations
/* 32 bytes from "edge + 32 - k" on: k bytes ff, then 0. */
	.type	edge, @object
edge:
	.fill	32, 1, 0xff
	.fill	32, 1, 0
	.size	edge, . - edge
	.text

/*
 * Rotate the bytes of a block of the source to their places in blocks of the destination.
 * In: \reg; ymm6 and ymm7
 * Out: \reg
 * Changes: ymm3
 */
.macro	turn reg
	vpermq	$0x4e, \reg, %ymm3		/* the halves exchanged */
	vpshufb	%ymm6, \reg, \reg
	vpshufb	%ymm7, %ymm3, %ymm3
	vpor	%ymm3, \reg, \reg
.endm

func mcsafe__lines_avx2
	testq	n, n
	jz	.Lnothing
	leaq	rotations(%rip), %r10
	movl	%esi, %r9d
	andl	$31, %r9d
	vbroadcastf128 (%r10,%r9), %ymm6
	vbroadcastf128 16(%r10,%r9), %ymm7
	leaq	edge(%rip), %r10
	negl	%r9d
	andl	$31, %r9d
	movl	%r9d, low
	negq	%r9
	vmovdqu	32(%r10,%r9), %ymm5		/* the low bytes of a block */
	movq	n, at
	negq	at
	addq	n, dst
	addq	n, src				/* (src,at) is the source; n is a multiple of 32 */
	testl	low, low
	jz	.Lblock
	andq	$-32, src
	LOAD(.Lfault_first, 32, vmovdqa, %ymm0, (src,at))
	turn	%ymm0
	addq	$32, src

	/* ymm0 is the block of the source before, turned, if any byte of it is needed. */
	.p2align 5
.Lblock:
	LOAD(.Lfault_load, 32, vmovdqa, %ymm1, (src_and_low,at))
	turn	%ymm1
	vpblendvb %ymm5, %ymm0, %ymm1, %ymm2
	STORE(.Lfault_line, 32, vmovntdq, %ymm2, (dst,at))
	addq	$32, at
	LOAD(.Lfault_load_after_1, 32, vmovdqa, %ymm0, (src_and_low,at))
	turn	%ymm0
	vpblendvb %ymm5, %ymm1, %ymm0, %ymm2
	STORE(.Lfault_line, 32, vmovntdq, %ymm2, (dst,at))
	addq	$32, at
	jnz	.Lblock
	vzeroupper
.Lnothing:
	xorl	%eax, %eax
	ret

	/* Invariant: nothing is stored. The block at (src,at), with byte 0, was not read. */
.Lfault_first:
	leaq	32(src,at), src
	subq	%r8, src
	jmp	.Lstop

	/*
	 * Invariant: all bytes before the block at "at" are stored. The low bytes of the block are
	 * in ymm0, or for .Lfault_load_after_1 in ymm1. The next byte was not read.
	 */
.Lfault_load_after_1:
	vmovdqa	%ymm1, %ymm0
.Lfault_load:
	addq	at, src_and_low			/* the first byte that was not read */
	testl	low, low
	jz	.Lstop
	keep_fault vmovq, %xmm8, %xmm9, %xmm10
.Llow:
	vmovd	%xmm0, %edx
	STORE(.Lfault_store, 1, movb, %dl, (dst,at))
	vperm2i128 $0x81, %ymm0, %ymm0, %ymm1	/* the upper half, then 0 */
	vpalignr $1, %ymm0, %ymm1, %ymm0
	incq	at
	decl	low
	jnz	.Llow
	kept_fault vmovq, %xmm8, %xmm9, %xmm10
	jmp	.Lstop

	/* Invariant: all bytes before "at" are stored, and none after it. */
.Lfault_line:
	andq	$~(0xff << 16), %r11		/* the side: 0 */
.Lfault_store:
	addq	at, dst
.Lstop:
	negq	at
	vzeroupper
	stop_at_fault
endfunc mcsafe__lines_avx2
