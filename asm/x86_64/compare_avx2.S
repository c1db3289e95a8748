/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * compare_avx2.S - compare two operands with 32-byte vectors
 *
 *	enum mcsafe_cause mcsafe__compare_avx2(const void *a, const void *b, size_t n,
 *					       struct mcsafe_comparison *result,
 *					       struct mcsafe_fault *fault);
 *
 * Does what mcsafe_memcmp() in mcsafe/scan.h promises.
 *
 * Needs	AVX2, BMI1 and BMI2 (CPUID leaf 7, EBX bits 5, 3 and 8; XCR0 bits 1 and 2)
 * Clobbers	%rax, %r9-%r11, %ymm0-%ymm12 and the argument registers. The upper halves are
 *		cleared.
 *
 * A "block" is 32 aligned bytes, half of a line. The lane of a byte is its place in a vector. Every
 * byte of a is compared in the lane that is its address mod 32, so blocks of a are compared as they
 * are loaded. Blocks of b are rotated to the lanes of a.
 *
 * Phases	n <= 32		The bytes of an operand all have different lanes. So the one or two
 *				blocks that hold them merge into one vector. If the operand ends in
 *				its first block, that is loaded twice. Nothing branches on an
 *				alignment, nor on where the difference is: in short comparisons of
 *				unpredictable operands, a branch costs more than all the rest.
 *		n > 32	head	the block of a with its first byte
 *			blocks	whole blocks of a
 *			tail	the block of a with its last byte
 *			The bytes of b that a block of a needs lie in two blocks of b. The first
 *			"low" lanes, low = (a - b) mod 32, lie in the block that the block of a
 *			before needed, too: it is still in a register. So each block of a takes one
 *			new block of b. At the ends, the block of b may be the one in the register.
 *
 * Loads	Each load is of one block that holds a byte of its operand. A block of a is loaded
 *		before the block of b with the rest of its bytes, so of two bytes with the same
 *		index, that of a fails first. After the first difference, no byte is read but in the
 *		blocks that hold the 32 lanes that are compared.
 *
 * Trace	n = 100, a % 32 = 13, b % 32 = 3, no difference; low = 10; index = -13
 *		head: a block of a, two blocks of b; 19 bytes in lanes 13 to 31
 *		index = 19: a whole block of a, the third of b; 32 bytes; index = 51: the same
 *		index = 83: tail: the fourth block of a, the fourth of b again; 17 bytes in lanes 0
 *		to 16; returns 0, *result = 100, 0, 0
 *
 * On a fault	The bytes before the block that failed are equal, or they are in registers: then
 *		they are compared, and a difference is the answer. The block is not read again.
 */
#include "asm.h"

#define a	%rdi
#define b	%rsi
#define n	%rdx
#define result	%rcx
#define record	%r8		/* only a fixup looks at it */

	.section .rodata.mcsafe_compare_blocks, "a", @progbits
	.p2align 5
/* 32 bytes from "edges + 32 - k" on: k bytes ff. From "edges + 64 - k" on: k bytes 0, then ff. */
	.type	edges, @object
edges:
	.fill	32, 1, 0xff
	.fill	32, 1, 0
	.fill	32, 1, 0xff
	.size	edges, . - edges
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
	.text

/*
 * What "turn" needs.
 * In: a, b
 * Out: ymm6, ymm7
 * Changes: %r9, %r10, flags
 */
.macro	turn_setup
	movl	%esi, %r9d
	subl	%edi, %r9d
	andl	$31, %r9d
	leaq	rotations(%rip), %r10
	vbroadcastf128 (%r10,%r9), %ymm6
	vbroadcastf128 16(%r10,%r9), %ymm7
.endm

/*
 * Rotate the bytes of a block of b, so that each is in the lane of the byte of a with its index.
 * In: \reg; ymm6 and ymm7 of turn_setup
 * Out: \reg
 * Changes: ymm3
 */
.macro	turn reg
	vpermq	$0x4e, \reg, %ymm3		/* the halves exchanged */
	vpshufb	%ymm6, \reg, \reg
	vpshufb	%ymm7, %ymm3, %ymm3
	vpor	%ymm3, \reg, \reg
.endm

/*
 * In: ymm0 and ymm1, up to 32 bytes of a and of b, both in the lanes of a
 * Out: %rax, the index of the first byte that differs, or more; %r9: a bit for each lane of a, 1 if
 *	a is less or equal
 * Changes: %r10, %r11, flags, ymm2 and ymm3
 */
.macro	compare_merged
	vpcmpeqb %ymm1, %ymm0, %ymm2
	vpminub	%ymm1, %ymm0, %ymm3
	vpcmpeqb %ymm0, %ymm3, %ymm3
	vpmovmskb %ymm2, %eax
	vpmovmskb %ymm3, %r9d
	notl	%eax
	movl	%edi, %r11d
	negl	%r11d
	shrxl	%edi, %eax, %r10d		/* SHRX uses the lower 5 bits of its count */
	shlxl	%r11d, %eax, %eax
	orl	%r10d, %eax			/* from lanes to indices */
	tzcntl	%eax, %eax
.endm

/*
 * In: a; %rdx, n - 32
 * Out: ymm4, ff in the lanes past that of a's last byte
 * Changes: %r9, %r10, flags
 */
.macro	lanes_past_tail
	leal	31(%rdi,%rdx), %r9d
	leaq	edges(%rip), %r10
	andl	$31, %r9d			/* the last lane */
	negq	%r9
	vmovdqu	63(%r10,%r9), %ymm4
.endm

/*
 * The bytes of an operand before the end of its first block: 1 to 32.
 * In: \low, the lower half of its address
 * Out: %eax
 * Changes: flags
 */
.macro	before_second_block low
	movl	\low, %eax
	notl	%eax
	andl	$31, %eax
	incl	%eax
.endm

func mcsafe__compare_avx2
	leaq	-1(n), %rax			/* -1 for n = 0, which goes with the longer ones */
	cmpq	$31, %rax
	ja	.L0_or_33_and_more
	movq	a, %rax
	andq	$-32, %rax
	LOAD(.Lfault_a_first, 32, vmovdqa, %ymm0, (%rax))
	movq	b, %rax
	andq	$-32, %rax
	LOAD(.Lfault_b_first, 32, vmovdqa, %ymm1, (%rax))
	/* The lanes before that of the first byte are in the second block, if there is one. */
	leaq	edges(%rip), %r10
	movl	%edi, %r9d
	movl	%esi, %r11d
	andl	$31, %r9d
	andl	$31, %r11d
	negq	%r9
	negq	%r11
	vmovdqu	32(%r10,%r9), %ymm4
	vmovdqu	32(%r10,%r11), %ymm5
	leaq	-1(a,n), %rax
	andq	$-32, %rax
	LOAD(.Lfault_a_second, 32, vmovdqa, %ymm2, (%rax))
	vpblendvb %ymm4, %ymm2, %ymm0, %ymm0
.La_is_merged:
	leaq	-1(b,n), %rax
	andq	$-32, %rax
	LOAD(.Lfault_b_second, 32, vmovdqa, %ymm2, (%rax))
	vpblendvb %ymm5, %ymm2, %ymm1, %ymm1
.Lb_is_merged:
	turn_setup
	turn	%ymm1
	compare_merged
.Lanswer:
	leal	(%rdi,%rax), %r10d		/* the lane, in its lower 5 bits */
	btl	%r10d, %r9d			/* BT uses no others */
	sbbl	%r9d, %r9d			/* -1: a is less */
	orl	$1, %r9d
	xorl	%r10d, %r10d
	cmpq	n, %rax
	cmovaeq	n, %rax
	cmovaeq	%r10, %r9
	movq	%rax, MCSAFE_COMPARISON_EQUAL(result)
	movq	%r9, MCSAFE_COMPARISON_ORDER(result)	/* and failed = 0 */
	vzeroupper
	xorl	%eax, %eax
	ret

#define index		%rax	/* of the block's first lane, from a on; from -31 on */
#define b_and_low	%rsi	/* (b_and_low,index) is the new block of b */
#define whole		%rdx	/* n - 32: a block is whole if its index is below */
#define b_last		%r8	/* the last block of b */

	.p2align 6
.L0_or_33_and_more:
	testq	n, n
	jz	.Lnothing
	turn_setup
	vmovq	record, %xmm9			/* only a fixup looks at it */
	leaq	-1(b,n), b_last
	andq	$-32, b_last
	leaq	edges(%rip), %r10
	movl	%edi, %r9d
	subl	%esi, %r9d
	andl	$31, %r9d
	negq	%r9
	vmovdqu	32(%r10,%r9), %ymm8		/* the low lanes */
	movl	%edi, %r9d
	andl	$31, %r9d
	negq	%r9
	vmovdqu	32(%r10,%r9), %ymm4		/* lanes before the head */
	movq	a, %rax
	andq	$-32, %rax
	LOAD(.Lfault_a_head, 32, vmovdqa, %ymm0, (%rax))
	movq	b, %rax
	andq	$-32, %rax
	LOAD(.Lfault_b_head, 32, vmovdqa, %ymm1, (%rax))
	turn	%ymm1
	subq	$32, n
	subq	a, b
	addq	$31, b
	andq	$-32, b				/* b - a + low */
	addq	a, b_and_low
	movl	%edi, %eax
	andl	$31, %eax
	negq	index
	LOAD(.Lfault_b_next, 32, vmovdqa, %ymm2, (b_and_low,index))
	turn	%ymm2
	vpblendvb %ymm8, %ymm1, %ymm2, %ymm1
	vpcmpeqb %ymm1, %ymm0, %ymm5
	vpor	%ymm4, %ymm5, %ymm5
	vpmovmskb %ymm5, %r9d
	cmpl	$-1, %r9d
	jne	.Ldifference
	addq	$32, index
	cmpq	whole, index
	jae	.Ltail
	vptest	%ymm8, %ymm8
	jz	.Lsame_lanes

	/* ymm2 is the block of b before, turned. */
	.p2align 5
.Lblock:
	LOAD(.Lfault_a_block, 32, vmovdqa, %ymm0, (a,index))
	LOAD(.Lfault_b_block, 32, vmovdqa, %ymm4, (b_and_low,index))
	turn	%ymm4
	vpblendvb %ymm8, %ymm2, %ymm4, %ymm1
	vpcmpeqb %ymm1, %ymm0, %ymm5
	vpmovmskb %ymm5, %r9d
	cmpl	$-1, %r9d
	jne	.Ldifference
	addq	$32, index
	cmpq	whole, index
	jae	.Ltail_after_4
	LOAD(.Lfault_a_block, 32, vmovdqa, %ymm0, (a,index))
	LOAD(.Lfault_b_block_after_4, 32, vmovdqa, %ymm2, (b_and_low,index))
	turn	%ymm2
	vpblendvb %ymm8, %ymm4, %ymm2, %ymm1
	vpcmpeqb %ymm1, %ymm0, %ymm5
	vpmovmskb %ymm5, %r9d
	cmpl	$-1, %r9d
	jne	.Ldifference
	addq	$32, index
	cmpq	whole, index
	jb	.Lblock
	jmp	.Ltail

	.p2align 5
.Lsame_lanes:
	LOAD(.Lfault_a_block, 32, vmovdqa, %ymm0, (a,index))
	LOAD(.Lfault_b_block, 32, vmovdqa, %ymm1, (b_and_low,index))
	vpcmpeqb %ymm1, %ymm0, %ymm5
	vpmovmskb %ymm5, %r9d
	cmpl	$-1, %r9d
	jne	.Ldifference
	addq	$32, index
	cmpq	whole, index
	jae	.Ltail
	LOAD(.Lfault_a_block, 32, vmovdqa, %ymm0, (a,index))
	LOAD(.Lfault_b_block, 32, vmovdqa, %ymm1, (b_and_low,index))
	vpcmpeqb %ymm1, %ymm0, %ymm5
	vpmovmskb %ymm5, %r9d
	cmpl	$-1, %r9d
	jne	.Ldifference
	addq	$32, index
	cmpq	whole, index
	jb	.Lsame_lanes
	jmp	.Ltail

.Ltail_after_4:
	vmovdqa	%ymm4, %ymm2
.Ltail:
	LOAD(.Lfault_a_block, 32, vmovdqa, %ymm0, (a,index))
	LOAD(.Lfault_b_tail, 32, vmovdqa, %ymm1, (b_last))
	turn	%ymm1
	vpblendvb %ymm8, %ymm2, %ymm1, %ymm1
	lanes_past_tail
	vpcmpeqb %ymm1, %ymm0, %ymm5
	vpor	%ymm4, %ymm5, %ymm5
	vpmovmskb %ymm5, %r9d
	cmpl	$-1, %r9d
	jne	.Ldifference
.Lequal:
	leaq	32(whole), n
.Lnothing:
	xorl	%eax, %eax
	movq	n, MCSAFE_COMPARISON_EQUAL(result)
	movq	%rax, MCSAFE_COMPARISON_ORDER(result)	/* and failed */
	vzeroupper
	ret

	/* %r9: the lanes that are equal, or do not count. ymm0 and ymm1 are a and b. */
.Ldifference:
	vpminub	%ymm1, %ymm0, %ymm2
	vpcmpeqb %ymm0, %ymm2, %ymm2		/* a is less, or equal */
	vpmovmskb %ymm2, %r10d
	notl	%r9d
	tzcntl	%r9d, %r9d
	addq	%r9, index
	btl	%r9d, %r10d
	sbbl	%r9d, %r9d			/* -1: a is less */
	orl	$1, %r9d
	movq	index, MCSAFE_COMPARISON_EQUAL(result)
	movq	%r9, MCSAFE_COMPARISON_ORDER(result)	/* and failed = 0 */
	vzeroupper
	xorl	%eax, %eax
	ret

	/* Invariant: nothing was compared, and the first byte of a, or of b, was not read. */
.Lfault_a_head:
	vmovq	%xmm9, record
.Lfault_a_first:
	xorl	%eax, %eax
	jmp	.La_failed
.Lfault_b_head:
	vmovq	%xmm9, record
.Lfault_b_first:
	xorl	%eax, %eax
	jmp	.Lb_failed

	/*
	 * Invariant: ymm0 and ymm1 are the first blocks of a and of b. No other block was read. If
	 * all n bytes of a lie in its first block, this is the block that was loaded again.
	 */
.Lfault_a_second:
	before_second_block %edi
	cmpq	n, %rax
	jae	.La_is_merged
	movq	%rax, n
	keep_fault vmovq, %xmm10, %xmm11, %xmm12
	leaq	-1(b,n), %rax
	andq	$-32, %rax
	LOAD(.Lfault_b_second_after_a, 32, vmovdqa, %ymm2, (%rax))
	vpblendvb %ymm5, %ymm2, %ymm1, %ymm1
	/* Invariant: n bytes of both operands are there. The fault of a is in xmm10 to xmm12. */
.Lfault_of_a:
	turn_setup
	turn	%ymm1
	compare_merged
	cmpq	n, %rax
	jb	.Lanswer
	kept_fault vmovq, %xmm10, %xmm11, %xmm12
	movq	n, %rax
	jmp	.La_failed

	/* Invariant: n bytes of a are in ymm0. ymm1 is the first block of b. */
.Lfault_b_second_after_a:
	before_second_block %esi
	cmpq	n, %rax
	jae	.Lfault_of_a
	jmp	.Lfault_of_b
.Lfault_b_second:
	before_second_block %esi
	cmpq	n, %rax
	jae	.Lb_is_merged
.Lfault_of_b:
	movq	%rax, n
	keep_fault vmovq, %xmm10, %xmm11, %xmm12
	turn_setup
	turn	%ymm1
	compare_merged
	cmpq	n, %rax
	jb	.Lanswer
	kept_fault vmovq, %xmm10, %xmm11, %xmm12
	movq	n, %rax
	jmp	.Lb_failed

	/*
	 * Invariant: the bytes before the index are equal. ymm0 is the block of a there. The block
	 * of b before is, turned, in ymm1 (.Lfault_b_next), ymm4 (.Lfault_b_block_after_4) or ymm2.
	 * The next block of b was not read. ymm4 becomes ff in the lanes that do not count, or
	 * whose byte of b is missing.
	 */
.Lfault_b_next:
	vmovdqa	%ymm1, %ymm2
	jmp	.Lfault_b
.Lfault_b_tail:
	keep_fault vmovq, %xmm10, %xmm11, %xmm12
	lanes_past_tail
	kept_fault vmovq, %xmm10, %xmm11, %xmm12
	jmp	.Lfault_b
.Lfault_b_block_after_4:
	vmovdqa	%ymm4, %ymm2
.Lfault_b_block:
	vpxor	%xmm4, %xmm4, %xmm4
.Lfault_b:
	vmovdqa	%ymm2, %ymm1
	vpcmpeqb %ymm1, %ymm0, %ymm5
	vpor	%ymm4, %ymm5, %ymm5
	vpcmpeqb %ymm3, %ymm3, %ymm3
	vpandn	%ymm3, %ymm8, %ymm3		/* the lanes that are not low */
	vpor	%ymm3, %ymm5, %ymm5
	vpmovmskb %ymm5, %r8d
	cmpl	$-1, %r8d
	jne	.Ldifference_before_fault
	vpmovmskb %ymm3, %r8d
	tzcntl	%r8d, %r8d			/* low: these bytes are equal, if they count */
	subq	%r8, b_and_low			/* b */
	addq	%r8, index
	movl	$0, %r8d
	cmovsq	%r8, index			/* the head began after its low lanes */
	leaq	32(whole), %r8
	cmpq	%r8, index
	jae	.Lequal				/* the tail ended before the end of its low lanes */
	vmovq	%xmm9, record
	jmp	.Lb_failed
.Ldifference_before_fault:
	movl	%r8d, %r9d
	jmp	.Ldifference

	/* Invariant: the bytes before the index are equal, and the next byte of a was not read. */
.Lfault_a_block:
	vmovq	%xmm9, record
.La_failed:
	movq	a, %rsi
	movl	$1, %edx
	jmp	.Lfailed
.Lb_failed:
	movl	$2, %edx
.Lfailed:
	addq	%rax, %rsi
	movq	%rax, MCSAFE_COMPARISON_EQUAL(result)
	movl	$0, MCSAFE_COMPARISON_ORDER(result)
	movl	%edx, MCSAFE_COMPARISON_FAILED(result)
	movq	record, %rcx
	vzeroupper
	stop_with_cause
endfunc mcsafe__compare_avx2
