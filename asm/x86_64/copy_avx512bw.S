/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_avx512bw.S - copy with 64-byte vectors, for processors without AVX512_VBMI
 *
 *	size_t mcsafe__copy_avx512bw(void *dst, const void *src, size_t n,
 *				     struct mcsafe_fault *fault);
 *
 * Copies n bytes upwards and returns how many were not copied. *fault is written only if that is
 * not 0.
 *
 * The source is read in whole aligned lines. So no load crosses a line, and each line that is read
 * holds a byte that must be read. Each line is stored as it is, 64 bytes at dst - src further on.
 * The first and the last line have masks, for the bytes that belong to the copy. So nothing is
 * permuted, no step of a short copy branches on an alignment, and no byte is stored twice.
 *
 * A masked store writes the bytes of its mask and faults for these bytes only. If it faults, it
 * writes none of them (Intel SDM vol. 1, 15.6.4).
 *
 * Only vector registers from 16 on are used. They have no legacy part, so nothing has to be cleared
 * for the caller (no VZEROUPPER).
 *
 * Needs	AVX512F and AVX512BW (CPUID leaf 7, EBX bits 16 and 30; XCR0 bits 1, 2 and 5 to 7),
 *		BMI2 (EBX bit 8)
 * Clobbers	%rax, %r8-%r10, zmm16-zmm19, %k1-%k3, the red zone and the argument registers; %r11
 *		on a fault
 *
 * Phases	n <= 64		the lines of the first and of the last byte, which may be the same:
 *				then the second mask is empty. 0 bytes are read from a constant. A
 *				store with an empty mask goes to the red zone, because it is very
 *				slow where memory cannot be written. So there is no branch.
 *		n <= 128	three lines. The last one may be the second: then the third mask is
 *				empty.
 *		n > 128	head	the first line, with a mask
 *			turns	4 lines, then 1
 *			tail	the last line, with a mask
 *
 * Trace	n = 100, src % 64 = 13: to .L65_and_more; %r8 = 13; src and dst go back by 13
 *		%rax = 64: the last byte is 112 bytes on, in the second line
 *		stores 51 bytes of the first line, 49 bytes of the second, and none of the third,
 *		which is the second line again; returns 0
 *
 * The rule of every access: all bytes before it are stored, and none after it. In the head and in
 * copies of up to 128 bytes, %rdi and %rsi have gone back by %r8, so that %rsi is a line, and %rdx
 * is n. In the turns and in the tail, %rdi, %rsi and %rdx stand at the start of the turn, and %rsi
 * is a line.
 *
 * On a fault	- A load: nothing is in registers that is not stored. The line that failed begins
 *		  the bad page or is the bad line, or the copy begins in it. So the result is exact.
 *		- A store: its bytes are stored again one by one, up to the exact byte that fails.
 *		  If all of them can be stored, the cause of the fault is gone, and the function
 *		  begins again after them.
 */
#include "asm.h"

#define dst	%rdi
#define src	%rsi
#define left	%rdx		/* bytes from dst on */
#define record	%rcx		/* only "stop_at_fault" looks at it */
#define shift	%r8		/* how far src and dst have gone back; src % 64 before that */
#define last	%rax		/* the line of the last byte, from src on */

	.section .rodata.mcsafe_line, "a", @progbits
	.p2align 6
	.type	any_line, @object
any_line:
	.fill	64, 1, 0
	.size	any_line, . - any_line
	.text

/*
 * Go back to the line that holds src.
 * In: dst, src
 * Out: shift; src, a multiple of 64; dst, back by the same; %k1, the bytes of that line from the
 *	first one on; %r9 = -1, until the next access
 * Changes: %r10, flags
 */
.macro	to_line
	movl	%esi, %r8d
	movq	$-1, %r9
	andl	$63, %r8d
	shlxq	src, %r9, %r10			/* SHLX uses the lower 6 bits of its count */
	kmovq	%r10, %k1
	subq	shift, src
	subq	shift, dst
.endm

/*
 * Which bytes do not fit into the line in which the first of them is, but go into the next one.
 * In: %r9, a bit for each of the bytes, up to 64; shift, the place of the first one in its line
 * Out: \mask, for the line after that one
 * Changes: %r9, %r10, flags
 */
.macro	what_goes_over mask
	movl	%r8d, %r10d
	shrq	%r9
	notl	%r10d
	shrxq	%r10, %r9, %r9			/* together 64 - shift, which can be 64 */
	kmovq	%r9, \mask
.endm

/*
 * If the copy ends in the line at \at, all of it is stored, and the mask of the next store is
 * empty. Let that store go to the red zone. At the end of a page it would be slow, like the one
 * before it.
 * In: last; \at, 0 or 64
 * Out: dst, for a store to (dst,last)
 * Changes: %r9, flags
 */
.macro	aside_if at
	leaq	-128(%rsp), %r9
	cmpl	$\at, %eax
	cmoveq	%r9, dst
.endm

func mcsafe__copy_avx512bw
	cmpq	$64, left
	ja	.L65_and_more
	debug_done_if_0 left
	leaq	any_line+1(%rip), %r8
	leaq	-127(%rsp), %r9
	testl	%edx, %edx
	cmovzq	%r8, src
	cmovzq	%r9, dst
	movl	%esi, %r8d
	movq	$-1, %r9
	andl	$63, %r8d
	bzhiq	left, %r9, %r9
	leal	-1(%r8,%rdx), %eax
	shlxq	src, %r9, %r10
	andl	$64, %eax
	kmovq	%r10, %k1
	what_goes_over %k2
	subq	shift, src
	subq	shift, dst
	LOAD(.Lfault_first, 64, vmovdqa64, %zmm16, (src))
	STORE_BY_MASK(.Lfault_part_0, %k1, vmovdqu8, %zmm16, (dst))
	aside_if 0
	LOAD(.Lfault_line_1, 64, vmovdqa64, %zmm17, (src,last))
	STORE_BY_MASK(.Lfault_part_1, %k2, vmovdqu8, %zmm17, (dst,last))
	xorl	%eax, %eax
	ret

	.p2align 6
.L65_and_more:
	to_line
	cmpq	$128, left
	ja	.L129_and_more
	leal	-64(%r8,%rdx), %r10d
	bzhiq	%r10, %r9, %r10			/* from 64 on, BZHI leaves all bits */
	kmovq	%r10, %k2
	leal	-64(%rdx), %r10d
	bzhiq	%r10, %r9, %r9
	leal	-1(%r8,%rdx), %eax
	what_goes_over %k3
	andl	$-64, %eax
	LOAD(.Lfault_first, 64, vmovdqa64, %zmm16, (src))
	STORE_BY_MASK(.Lfault_part_0, %k1, vmovdqu8, %zmm16, (dst))
	LOAD(.Lfault_line_1, 64, vmovdqa64, %zmm17, 64(src))
	STORE_BY_MASK(.Lfault_part_1, %k2, vmovdqu8, %zmm17, 64(dst))
	aside_if 64
	LOAD(.Lfault_line_2, 64, vmovdqa64, %zmm18, (src,last))
	STORE_BY_MASK(.Lfault_part_2, %k3, vmovdqu8, %zmm18, (dst,last))
	xorl	%eax, %eax
	ret

	.p2align 6
.L129_and_more:
	LOAD(.Lfault_first, 64, vmovdqa64, %zmm16, (src))
	STORE_BY_MASK(.Lfault_part_0, %k1, vmovdqu8, %zmm16, (dst))
	leaq	-64(left,shift), left
	addq	$64, src
	addq	$64, dst
	cmpq	$256, left
	jbe	.Lsingle
	.p2align 6
.Lturn:
	LOAD(.Lfault_load_0, 64, vmovdqa64, %zmm16, (src))
	STORE(.Lfault_store_0, 64, vmovdqu64, %zmm16, (dst))
	LOAD(.Lfault_load_1, 64, vmovdqa64, %zmm17, 64(src))
	STORE(.Lfault_store_1, 64, vmovdqu64, %zmm17, 64(dst))
	LOAD(.Lfault_load_2, 64, vmovdqa64, %zmm18, 128(src))
	STORE(.Lfault_store_2, 64, vmovdqu64, %zmm18, 128(dst))
	LOAD(.Lfault_load_3, 64, vmovdqa64, %zmm19, 192(src))
	STORE(.Lfault_store_3, 64, vmovdqu64, %zmm19, 192(dst))
	addq	$256, src
	addq	$256, dst
	subq	$256, left
	cmpq	$256, left
	ja	.Lturn
	cmpq	$64, left
	jbe	.Ltail
	.p2align 5
.Lsingle:
	LOAD(.Lfault_load_0, 64, vmovdqa64, %zmm16, (src))
	STORE(.Lfault_store_0, 64, vmovdqu64, %zmm16, (dst))
	addq	$64, src
	addq	$64, dst
	subq	$64, left
	cmpq	$64, left
	ja	.Lsingle
.Ltail:
	movq	$-1, %r9
	bzhiq	left, %r9, %r9
	kmovq	%r9, %k1
	LOAD(.Lfault_load_0, 64, vmovdqa64, %zmm16, (src))
	STORE_BY_MASK(.Lfault_store_0, %k1, vmovdqu8, %zmm16, (dst))
	xorl	%eax, %eax
	ret

	/* Invariant: nothing is stored. The line of src was not read. */
.Lfault_first:
	addq	shift, src
#define UNIT 64
#include "fault_before_src.inc"

	/*
	 * Invariant: all bytes of the line, or of the two lines, from src on are stored. If these
	 * are all bytes of the copy, the last line was read twice, and failed the second time. Then
	 * dst can be in the red zone, and the copy has succeeded.
	 */
.Lfault_line_2:
	movl	$128, %eax
	jmp	.Lfault_line
.Lfault_line_1:
	movl	$64, %eax
.Lfault_line:
	addq	%rax, src
	subq	shift, %rax
	subq	%rax, left
	ja	.Lfault_byte
	xorl	%eax, %eax
	ret

	/* Invariant: k lines of the turn are stored, and the next one was not read. */
.Lfault_load_3:
	movl	$192, %eax
	jmp	.Lfault_load
.Lfault_load_2:
	movl	$128, %eax
	jmp	.Lfault_load
.Lfault_load_1:
	movl	$64, %eax
	jmp	.Lfault_load
.Lfault_load_0:
	xorl	%eax, %eax
.Lfault_load:
	addq	%rax, src
	subq	%rax, left
	/*
	 * Invariant: all but the last %rdx bytes are stored. After a load, src is at the first of
	 * these, and after a store, dst is.
	 */
.Lfault_byte:
.Lfault_scratch:
	movq	left, %rax
	stop_at_fault

	/* Invariant: k lines from src on are stored; the next one is in zmm 16 + k. */
.Lfault_part_2:
	vmovdqa64 %zmm18, %zmm16
	movl	$128, %eax
	jmp	.Lfault_part
.Lfault_part_1:
	vmovdqa64 %zmm17, %zmm16
	movl	$64, %eax
.Lfault_part:
	addq	shift, left
	jmp	.Lfault_store

	/* Invariant: nothing is stored. zmm16 is the line of the first byte, which is lane %r8. */
.Lfault_part_0:
	addq	shift, src
	addq	shift, dst
	jmp	.Lfault_lanes

	/* Invariant: k lines of the turn are stored; line k is in zmm 16 + k. */
.Lfault_store_3:
	vmovdqa64 %zmm19, %zmm16
	movl	$192, %eax
	jmp	.Lfault_store
.Lfault_store_2:
	vmovdqa64 %zmm18, %zmm16
	movl	$128, %eax
	jmp	.Lfault_store
.Lfault_store_1:
	vmovdqa64 %zmm17, %zmm16
	movl	$64, %eax
	jmp	.Lfault_store
.Lfault_store_0:
	xorl	%eax, %eax
.Lfault_store:
	addq	%rax, src
	addq	%rax, dst
	subq	%rax, left
	xorl	%r8d, %r8d
	/*
	 * Invariant: all bytes before dst are stored. The byte that belongs at dst is lane %r8 of
	 * zmm16. The lanes after it belong after it, as far as the copy goes.
	 */
.Lfault_lanes:
	movl	$64, %eax
	subl	%r8d, %eax
	cmpq	left, %rax
	cmovaq	left, %rax			/* how many lanes */
	addq	%rax, %r8
	negq	%r8
	negq	%rax
	vmovdqu64 %zmm16, -64(%rsp,%r8)		/* the last of them ends at -64(%rsp) */
#define EXIT mcsafe__copy_avx512bw
#include "store_scratch.inc"
endfunc mcsafe__copy_avx512bw
