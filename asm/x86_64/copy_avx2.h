/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_avx2.h - the code of copy_avx2.S and of copy_nt_avx2.S, which differ in one store
 *
 * Copies n bytes upwards and returns how many were not copied; *landing is written only if that is
 * not 0 or a write fault went away while it was looked at. No load crosses a 64-byte line:
 *
 * - Where source and destination are not aligned to each other, the source is read in aligned
 *   "chunks" of 16 bytes. The 16 bytes from any address, a "window", lie in two chunks, and two
 *   byte shuffles and an OR make the window. Every chunk that is read holds a byte that must be.
 * - Other loads are 32 bytes, and their place in the line is known.
 *
 * No step depends on a branch on the alignment of small copies, which would be mispredicted.
 *
 * Needs	AVX2 (CPUID leaf 7, EBX bit 5; XCR0 bits 1 and 2)
 * Clobbers	%rax, %r8, %xmm0-%xmm7 and the argument registers; %r9-%r11 on a fault and, in the
 *		set-up of the windows, where no access happens
 *
 * Phases	n <= 16		in one line: two general registers, the second overlapping the first;
 *				else one window
 *		n <= 128	16, 32 or 64 bytes of windows from the start, and as many up to the
 *				end, which overlap
 *		n > 128		64 bytes of windows; loop of 64 bytes with the destination aligned to
 *				32 and the source in the lower half of its line ("mixed"), or
 *				both aligned ("direct"); 64 bytes of windows up to the end
 *
 * On a fault	At each access %rdi, %rsi and %rdx are at the start of the group that is being
 *		copied, and all before it is stored.
 *		- A load: what was loaded before it is in registers; the fixup stores that byte
 *		  by byte, up to the chunk that failed, and returns. Nothing is read again. The
 *		  chunk starts the page or the line that is bad, or the copy begins in it.
 *		- A store: it can straddle into a bad page, and the processor stores all of it or
 *		  nothing. The lines that it came from are good, so the rest is left to
 *		  mcsafe__copy_word from the start of the group on.
 */
#include "asm.h"

#define dst	%rdi
#define src	%rsi
#define left	%rdx		/* bytes from dst on */
#define landing	%rcx		/* only a fixup looks at it */
#define lower	%xmm6		/* shuffle: a chunk down to its byte src mod 16; zeroes above */
#define upper	%xmm7		/* shuffle: the chunk after it up to meet that; zeroes below */

/* Shuffles that move 16 bytes down by m (from 16 + m) or up by 16 - m (from m), and bring in 0. */
	.section .rodata.mcsafe_shift, "a", @progbits
	.p2align 6
	.type	shift_table, @object
shift_table:
	.fill	16, 1, 0x80
	.byte	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.fill	16, 1, 0x80
	.size	shift_table, . - shift_table
	.text

.macro	shift_setup
	movl	%esi, %r9d
	andl	$15, %r9d
	leaq	shift_table(%rip), %r10
	vmovdqu	(%r10,%r9), upper
	vmovdqu	16(%r10,%r9), lower
.endm

/* Store the window that begins in chunk \lo and ends in chunk \hi, which are kept. */
.macro	window at, lo, hi
	vpshufb	lower, \lo, %xmm4
	vpshufb	upper, \hi, %xmm5
	vpor	%xmm4, %xmm5, %xmm5
	STORE(.Lfault_store, 16, vmovdqu, %xmm5, \at(dst))
.endm

/* The last chunk of a group of \size bytes: not the one after it if src is aligned. */
.macro	last_chunk size
	leaq	\size-1(src), %rax
	andq	$-16, %rax
.endm

.macro	group_16
	shift_setup
	movq	src, %rax
	andq	$-16, %rax
	LOAD(.Lfault_load, 16, vmovdqa, %xmm0, (%rax))
	last_chunk 16
	LOAD(.Lfault_chunk_1, 16, vmovdqa, %xmm1, (%rax))
	window	0, %xmm0, %xmm1
.endm

.macro	group_32
	shift_setup
	movq	src, %rax
	andq	$-16, %rax
	LOAD(.Lfault_load, 16, vmovdqa, %xmm0, (%rax))
	LOAD(.Lfault_chunk_1, 16, vmovdqa, %xmm1, 16(%rax))
	window	0, %xmm0, %xmm1
	last_chunk 32
	LOAD(.Lfault_chunk_2, 16, vmovdqa, %xmm2, (%rax))
	window	16, %xmm1, %xmm2
.endm

.macro	group_64
	shift_setup
	movq	src, %rax
	andq	$-16, %rax
	LOAD(.Lfault_load, 16, vmovdqa, %xmm0, (%rax))
	LOAD(.Lfault_chunk_1, 16, vmovdqa, %xmm1, 16(%rax))
	window	0, %xmm0, %xmm1
	LOAD(.Lfault_chunk_2, 16, vmovdqa, %xmm2, 32(%rax))
	window	16, %xmm1, %xmm2
	LOAD(.Lfault_chunk_3, 16, vmovdqa, %xmm3, 48(%rax))
	window	32, %xmm2, %xmm3
	last_chunk 64
	LOAD(.Lfault_chunk_4, 16, vmovdqa, %xmm0, (%rax))
	window	48, %xmm3, %xmm0
.endm

/* Go on to the last \size bytes. */
.macro	to_last size
	leaq	-\size(src,left), src
	leaq	-\size(dst,left), dst
	movl	$\size, %edx
.endm

.macro	insert_high mem:vararg
	vinserti128 $1, \mem
.endm
#define YMM1_HIGH %ymm1, %ymm1

/* \stream: the store of the loops. \fence: 1 if it is a non-temporal one, which needs SFENCE. */
.macro	copy_function name, stream, fence
func \name
	cmpq	$16, left
	jbe	.Lup_to_16
	cmpq	$32, left
	jbe	.Lup_to_32
	cmpq	$64, left
	jbe	.Lup_to_64
	cmpq	$128, left
	ja	.Llong

	group_64
	to_last	64
	group_64
	xorl	%eax, %eax
	ret

	.p2align 4
.Lup_to_64:
	group_32
	to_last	32
	group_32
	xorl	%eax, %eax
	ret

	.p2align 4
.Lup_to_32:
	group_16
	to_last	16
	group_16
	xorl	%eax, %eax
	ret

	.p2align 4
.Lup_to_16:
	movl	%esi, %eax
	andl	$63, %eax
	addl	%edx, %eax
	cmpl	$64, %eax
	ja	.Ltwo_lines
	cmpl	$8, %edx
	jb	.Lup_to_7
	LOAD(.Lfault_load, 8, movq, %rax, (src))
	LOAD(.Lfault_load, 8, movq, %r8, -8(src,left))
.Lstore_8_to_16:
	STORE(.Lfault_store, 8, movq, %rax, (dst))
	STORE(.Lfault_store, 8, movq, %r8, -8(dst,left))
	xorl	%eax, %eax
	ret
.Lup_to_7:
	cmpl	$4, %edx
	jb	.Lup_to_3
	LOAD(.Lfault_load, 4, movl, %eax, (src))
	LOAD(.Lfault_load, 4, movl, %r8d, -4(src,left))
.Lstore_4_to_7:
	STORE(.Lfault_store, 4, movl, %eax, (dst))
	STORE(.Lfault_store, 4, movl, %r8d, -4(dst,left))
	xorl	%eax, %eax
	ret
.Lup_to_3:
	cmpl	$2, %edx
	jb	.Lup_to_1
	LOAD(.Lfault_load, 2, movzwl, %eax, (src))
	LOAD(.Lfault_load, 1, movzbl, %r8d, -1(src,left))
.Lstore_2_to_3:
	STORE(.Lfault_store, 2, movw, %ax, (dst))
	STORE(.Lfault_store, 1, movb, %r8b, -1(dst,left))
	xorl	%eax, %eax
	ret
.Lup_to_1:
	testl	%edx, %edx
	jz	.Lnothing
	LOAD(.Lfault_load, 1, movzbl, %eax, (src))
	STORE(.Lfault_store, 1, movb, %al, (dst))
.Lnothing:
	xorl	%eax, %eax
	ret

	/* 2 to 16 bytes that lie in two lines, and so in two chunks: one window, then as above. */
.Ltwo_lines:
	shift_setup
	movq	src, %rax
	andq	$-16, %rax
	LOAD(.Lfault_load, 16, vmovdqa, %xmm0, (%rax))
	LOAD(.Lfault_chunk_1, 16, vmovdqa, %xmm1, 16(%rax))
	vpshufb	lower, %xmm0, %xmm4
	vpshufb	upper, %xmm1, %xmm5
	vpor	%xmm4, %xmm5, %xmm5
	leaq	shift_table+16(%rip), %r10
	vmovq	%xmm5, %rax
	cmpl	$8, %edx
	jb	.Ltwo_lines_7
	vpshufb	-8(%r10,left), %xmm5, %xmm5
	vmovq	%xmm5, %r8
	jmp	.Lstore_8_to_16
.Ltwo_lines_7:
	cmpl	$4, %edx
	jb	.Ltwo_lines_3
	vpshufb	-4(%r10,left), %xmm5, %xmm5
	vmovd	%xmm5, %r8d
	jmp	.Lstore_4_to_7
.Ltwo_lines_3:
	vpshufb	-1(%r10,left), %xmm5, %xmm5
	vmovd	%xmm5, %r8d
	jmp	.Lstore_2_to_3

	.p2align 4
.Llong:
	group_64
	movl	%edi, %eax
	andl	$31, %eax
	subq	$32, %rax			/* 1 to 32 bytes until dst is a multiple of 32 */
	subq	%rax, src
	subq	%rax, dst
	addq	%rax, left
	movl	%esi, %eax
	andl	$32, %eax			/* and 32 more if src is in the upper half of a line */
	addq	%rax, src
	addq	%rax, dst
	subq	%rax, left			/* at least 65 */
	testl	$31, %esi
	jz	.Ldirect

	/*
	 * 32 bytes that do not cross a line, and 32 that do, from the chunks at src + %rax. The
	 * last of those three may lie behind the 64 bytes, but not in a line behind the operand:
	 * more than 64 bytes are left.
	 */
	shift_setup
	vinserti128 $1, lower, %ymm6, %ymm6
	vinserti128 $1, upper, %ymm7, %ymm7
	movl	$32, %eax
	subl	%r9d, %eax
	.p2align 5
.Lmixed:
	LOAD(.Lfault_load, 32, vmovdqu, %ymm0, (src))
	STORE(.Lfault_store, 32, \stream, %ymm0, (dst))
	LOAD(.Lfault_mixed_0, 16, vmovdqa, %xmm1, (src,%rax))
	LOAD(.Lfault_mixed_1, 16, insert_high, YMM1_HIGH, 16(src,%rax))
	LOAD(.Lfault_mixed_2, 16, vmovdqa, %xmm2, 32(src,%rax))
	vperm2i128 $0x21, %ymm2, %ymm1, %ymm2	/* the upper half of ymm1, the lower of ymm2 */
	vpshufb	%ymm6, %ymm1, %ymm3
	vpshufb	%ymm7, %ymm2, %ymm2
	vpor	%ymm3, %ymm2, %ymm2
	STORE(.Lfault_store, 32, \stream, %ymm2, 32(dst))
	addq	$64, src
	addq	$64, dst
	subq	$64, left
	cmpq	$64, left
	ja	.Lmixed
	jmp	.Llong_end

	.p2align 5
.Ldirect:
	LOAD(.Lfault_load, 32, vmovdqa, %ymm0, (src))
	STORE(.Lfault_store, 32, \stream, %ymm0, (dst))
	LOAD(.Lfault_direct_1, 32, vmovdqa, %ymm1, 32(src))
	STORE(.Lfault_store, 32, \stream, %ymm1, 32(dst))
	addq	$64, src
	addq	$64, dst
	subq	$64, left
	cmpq	$64, left
	ja	.Ldirect

.Llong_end:
	vzeroupper
	to_last	64
	group_64
	.if	\fence
	sfence
	.endif
	xorl	%eax, %eax
	ret

	/* Invariant: of the group at src nothing was read that can be stored. */
.Lfault_load:
	note_fault landing
	jmp	.Lout

	/* Invariant: 32 bytes of the group are stored, and nothing more was read. */
.Lfault_mixed_0:
.Lfault_direct_1:
	note_fault landing
	subq	$32, left
	jmp	.Lout

	/* Invariant: xmm0 .. xmm3 is chunk k - 1, the windows below it are stored. */
.Lfault_chunk_1:
	xorl	%r8d, %r8d
	jmp	.Lfault_chunk
.Lfault_chunk_2:
	movl	$16, %r8d
	vmovdqa	%xmm1, %xmm0
	jmp	.Lfault_chunk
.Lfault_chunk_3:
	movl	$32, %r8d
	vmovdqa	%xmm2, %xmm0
	jmp	.Lfault_chunk
.Lfault_chunk_4:
	movl	$48, %r8d
	vmovdqa	%xmm3, %xmm0
	/* Invariant: %r8 bytes of the group are stored; xmm0 holds the 16 - src mod 16 after them. */
.Lfault_chunk:
	note_fault landing
	movl	%esi, %eax
	andl	$15, %eax
	negl	%eax
	addl	$16, %eax
	vpshufb	lower, %xmm0, %xmm0
	jmp	.Lrescue

	/* Invariant: 32 bytes of the group are stored, the chunk that holds the next is in xmm1. */
.Lfault_mixed_1:
	note_fault landing
	movq	%rax, %r8
	movl	$16, %eax
	vmovdqa	%xmm1, %xmm0
	jmp	.Lrescue

	/* Invariant: the same, and the chunk after it is in the upper half of ymm1. */
.Lfault_mixed_2:
	note_fault landing
	movq	%rax, %r8
	movl	$32, %eax
	vmovdqa	%xmm1, %xmm0
	vextracti128 $1, %ymm1, %xmm1

	/* Store the %eax bytes in xmm0 and xmm1 %r8 bytes behind the start of the group. */
.Lrescue:
	addq	%r8, dst
	subq	%r8, left
.Lrescue_byte:
	vmovd	%xmm0, %r8d
	STORE(.Lfault_load, 1, movb, %r8b, (dst))
	vpalignr $1, %xmm0, %xmm1, %xmm0
	vpsrldq	$1, %xmm1, %xmm1
	incq	dst
	decq	left
	decl	%eax
	jnz	.Lrescue_byte
.Lout:
	movq	left, %rax
	.if	\fence
	sfence
	.endif
	vzeroupper
	ret

	/* Invariant: nothing of the group at src has failed to load. */
.Lfault_store:
	note_fault landing
	.if	\fence
	sfence
	.endif
	vzeroupper
	jmp	mcsafe__copy_word
endfunc \name
.endm
