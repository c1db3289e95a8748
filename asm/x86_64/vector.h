/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vector.h - what copy_avx2.S and copy_nt_avx2.S share: windows, short copies, fixups
 *
 * No load crosses a 64-byte line, and no step of a short copy branches on an alignment, which
 * would be mispredicted. Where an address may be anything, the source is read in aligned "chunks"
 * of 16 bytes: a "window", the 16 bytes from any address, lies in two of them, and two byte
 * shuffles and an OR make it. Every chunk that is read holds a byte that must be.
 *
 * The rule of every access in here and in the files that include this:
 *
 *	%rdi, %rsi and %rdx stand at the start of the group that is being copied, and all before it
 *	is stored. In the last group, which overlaps what is stored, %r8 is what is not: if memory
 *	fails that could be read or written a moment before, the count is not to fall behind that.
 *
 * On a fault	- A load: what was read before it is in registers, and the fixup stores that byte
 *		  by byte up to the chunk that failed. Nothing is read again. That chunk begins
 *		  the page or the line that is bad, or the copy begins in it: so the result is
 *		  exact.
 *		- A store: bytes.h stores the same register again, byte by byte. If all of it goes
 *		  in, what forbade the store is gone, and the function begins again behind it.
 */
#include "asm.h"
#include "bytes.h"

#define dst	%rdi
#define src	%rsi
#define left	%rdx		/* bytes from dst on */
#define landing	%rcx		/* only a fixup looks at it */

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

/* %xmm6: a chunk down to its byte src mod 16; %xmm7: the chunk after it up to meet that. */
.macro	shift_setup
	movl	%esi, %r9d
	andl	$15, %r9d
	leaq	shift_table(%rip), %r10
	vmovdqu	(%r10,%r9), %xmm7
	vmovdqu	16(%r10,%r9), %xmm6
.endm

.macro	first_chunk tail
	movq	src, %rax
	andq	$-16, %rax
	LOAD(.L\tail\()fault_chunk_0, 16, vmovdqa, %xmm0, (%rax))
.endm

/* The last chunk of \size bytes from src: not the one behind them if src is aligned. */
.macro	at_last_chunk size
	leaq	\size-1(src), %rax
	andq	$-16, %rax
.endm

/* %xmm5: the window that begins in chunk \lo and ends in chunk \hi, which are kept. */
.macro	window lo, hi
	vpshufb	%xmm6, \lo, %xmm4
	vpshufb	%xmm7, \hi, %xmm5
	vpor	%xmm4, %xmm5, %xmm5
.endm

.macro	read_16 tail
	shift_setup
	first_chunk \tail
	at_last_chunk 16
	LOAD(.L\tail\()fault_chunk_1, 16, vmovdqa, %xmm1, (%rax))
	window	%xmm0, %xmm1
.endm

.macro	group_16 tail
	read_16 \tail
	STORE(.L\tail\()fault_window_0, 16, vmovdqu, %xmm5, (dst))
.endm

.macro	group_32 tail
	shift_setup
	first_chunk \tail
	LOAD(.L\tail\()fault_chunk_1, 16, vmovdqa, %xmm1, 16(%rax))
	window	%xmm0, %xmm1
	STORE(.L\tail\()fault_window_0, 16, vmovdqu, %xmm5, (dst))
	at_last_chunk 32
	LOAD(.L\tail\()fault_chunk_2, 16, vmovdqa, %xmm2, (%rax))
	window	%xmm1, %xmm2
	STORE(.L\tail\()fault_window_1, 16, vmovdqu, %xmm5, 16(dst))
.endm

.macro	group_64 tail
	shift_setup
	first_chunk \tail
	LOAD(.L\tail\()fault_chunk_1, 16, vmovdqa, %xmm1, 16(%rax))
	window	%xmm0, %xmm1
	STORE(.L\tail\()fault_window_0, 16, vmovdqu, %xmm5, (dst))
	LOAD(.L\tail\()fault_chunk_2, 16, vmovdqa, %xmm2, 32(%rax))
	window	%xmm1, %xmm2
	STORE(.L\tail\()fault_window_1, 16, vmovdqu, %xmm5, 16(dst))
	LOAD(.L\tail\()fault_chunk_3, 16, vmovdqa, %xmm3, 48(%rax))
	window	%xmm2, %xmm3
	STORE(.L\tail\()fault_window_2, 16, vmovdqu, %xmm5, 32(dst))
	at_last_chunk 64
	LOAD(.L\tail\()fault_chunk_4, 16, vmovdqa, %xmm0, (%rax))
	window	%xmm3, %xmm0
	STORE(.L\tail\()fault_window_3, 16, vmovdqu, %xmm5, 48(dst))
.endm

/* Go on to the last \size bytes; %r8 is how many are not stored. */
.macro	to_last size
	leaq	-\size(src,left), src
	leaq	-\size(dst,left), dst
	movl	$\size, %edx
.endm

/* Up to 64 bytes; goes to .Lmore if there are more. Each size is done as two halves that overlap. */
.macro	copy_short
	cmpq	$16, left
	jb	.Lup_to_15
	cmpq	$64, left
	ja	.Lmore
	testb	$63, %sil
	jz	.Lone_line
	cmpl	$32, %edx
	jbe	.Lup_to_32
	group_32
	leaq	-32(left), %r8
	to_last	32
	group_32 tail_
	xorl	%eax, %eax
	ret

	.p2align 4
.Lup_to_32:
	group_16
	leaq	-16(left), %r8
	to_last	16
	group_16 tail_
	xorl	%eax, %eax
	ret

.Lone_line:
	cmpl	$32, %edx
	jbe	.Lone_line_32
	LOAD(.Lfault_load, 32, vmovdqa, %ymm0, (src))
	LOAD(.Lfault_load, 32, vmovdqu, %ymm1, -32(src,left))
	STORE(.Lfault_ymm0, 32, vmovdqu, %ymm0, (dst))
	STORE(.Lfault_last_32, 32, vmovdqu, %ymm1, -32(dst,left))
	vzeroupper
	xorl	%eax, %eax
	ret
.Lone_line_32:
	LOAD(.Lfault_load, 16, vmovdqa, %xmm0, (src))
	LOAD(.Lfault_load, 16, vmovdqu, %xmm1, -16(src,left))
	STORE(.Lfault_xmm0, 16, vmovdqu, %xmm0, (dst))
	STORE(.Lfault_last_16, 16, vmovdqu, %xmm1, -16(dst,left))
	xorl	%eax, %eax
	ret

	.p2align 4
.Lup_to_15:
	movl	%esi, %eax
	andl	$63, %eax
	addl	%edx, %eax
	cmpl	$64, %eax
	ja	.Ltwo_lines
	cmpl	$8, %edx
	jb	.Lup_to_7
	LOAD(.Lfault_load, 8, movq, %rax, (src))
	LOAD(.Lfault_load, 8, movq, %r8, -8(src,left))
.Lstore_8_to_15:
	STORE(.Lfault_first_8, 8, movq, %rax, (dst))
	STORE(.Lfault_last_8, 8, movq, %r8, -8(dst,left))
	xorl	%eax, %eax
	ret
.Lup_to_7:
	cmpl	$4, %edx
	jb	.Lup_to_3
	LOAD(.Lfault_load, 4, movl, %eax, (src))
	LOAD(.Lfault_load, 4, movl, %r8d, -4(src,left))
.Lstore_4_to_7:
	STORE(.Lfault_first_4, 4, movl, %eax, (dst))
	STORE(.Lfault_last_4, 4, movl, %r8d, -4(dst,left))
	xorl	%eax, %eax
	ret
.Lup_to_3:
	cmpl	$2, %edx
	jb	.Lup_to_1
	LOAD(.Lfault_load, 2, movzwl, %eax, (src))
	LOAD(.Lfault_load, 1, movzbl, %r8d, -1(src,left))
.Lstore_2_to_3:
	STORE(.Lfault_first_2, 2, movw, %ax, (dst))
	STORE(.Lfault_last_1, 1, movb, %r8b, -1(dst,left))
	xorl	%eax, %eax
	ret
.Lup_to_1:
	testl	%edx, %edx
	jz	.Lnothing
	LOAD(.Lfault_load, 1, movzbl, %eax, (src))
	STORE(.Lfault_load, 1, movb, %al, (dst))
.Lnothing:
	xorl	%eax, %eax
	ret

	/* 2 to 15 bytes in two lines, and so in two chunks: a window, and its last 8, 4 or 1. */
.Ltwo_lines:
	read_16
	leaq	shift_table+16(%rip), %r10
	vmovq	%xmm5, %rax
	cmpl	$8, %edx
	jb	.Ltwo_lines_7
	vpshufb	-8(%r10,left), %xmm5, %xmm5
	vmovq	%xmm5, %r8
	jmp	.Lstore_8_to_15
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
.endm

/*
 * A fixup of an access in a group: in %xmm7 is how many bytes are not stored, whatever becomes of
 * the group, or -1.
 */
.macro	fault_in label
.Ltail_\label:
	vmovq	%r8, %xmm7
	jmp	.Lin_\label
.L\label:
	vpcmpeqd %xmm7, %xmm7, %xmm7
.Lin_\label:
.endm

/* The fixups of \name. \fence: an instruction that orders its stores, or nothing. */
.macro	vector_fixups name, fence
	/*
	 * Invariant: nothing of the group was read. An address before src is that of the chunk: the
	 * byte at src failed. But the start of a page is what the kernel says of a machine check
	 * anywhere in it.
	 */
	fault_in fault_chunk_0
	movq	src, %rax
	subq	%r9, %rax
	cmpq	$16, %rax
	jae	.Lfault_byte
	testl	$4095, %r9d
	jnz	.Lfault_at_src
	movq	%r11, %rax
	shrq	$32, %rax
	cmpb	$MCSAFE_SIGBUS, %r11b
	jne	.Lfault_at_src
	cmpl	$MCSAFE_BUS_MCEERR_AR, %eax
	je	.Lfault_byte
.Lfault_at_src:
	movq	src, %r9
	jmp	.Lfault_byte

	/* Invariant: of the group at src nothing was read that can be stored. */
.Lfault_load:
	vpcmpeqd %xmm7, %xmm7, %xmm7
	/* Invariant: the byte at dst was not stored, or it is one of an overlap. */
.Lfault_byte:
	note_fault landing
	jmp	.Lout

	/* Invariant: xmm0 to xmm3 is chunk k - 1 of the group; the windows before it are stored. */
	fault_in fault_chunk_1
	xorl	%r8d, %r8d
	jmp	.Lfault_chunk
	fault_in fault_chunk_2
	movl	$16, %r8d
	vmovdqa	%xmm1, %xmm0
	jmp	.Lfault_chunk
	fault_in fault_chunk_3
	movl	$32, %r8d
	vmovdqa	%xmm2, %xmm0
	jmp	.Lfault_chunk
	fault_in fault_chunk_4
	movl	$48, %r8d
	vmovdqa	%xmm3, %xmm0
	/* Invariant: %r8 bytes of the group are stored; the next 16 - src mod 16 end xmm0. */
.Lfault_chunk:
	note_fault landing
	movl	%esi, %eax
	orl	$-16, %eax
	negl	%eax
	vpshufb	%xmm6, %xmm0, %xmm0

	/* Invariant: %eax bytes in xmm0 and xmm1 belong %r8 bytes behind dst, and are the last. */
.Lrescue:
	vzeroupper
	go_to_bytes
	store_bytes .Lout
.Lout:
	vmovq	%xmm7, %rax
	cmpq	left, %rax
	cmovaq	left, %rax
	\fence
	vzeroupper
	ret

	/* Invariant: the register that failed to be stored is whole, all before it is stored. */
.Lfault_last_1:
	vmovd	%r8d, %xmm0
	leaq	-2(left), %r8			/* the one before it was of 2 bytes */
	vmovq	%r8, %xmm7
	incq	%r8
	movl	$1, %eax
	jmp	.Lagain
.Lfault_last_4:
	vmovd	%r8d, %xmm0
	movl	$4, %eax
	jmp	.Lfault_last
.Lfault_last_8:
	vmovq	%r8, %xmm0
	movl	$8, %eax
	jmp	.Lfault_last
.Lfault_last_16:
	vmovdqa	%xmm1, %xmm0
	movl	$16, %eax
	jmp	.Lfault_last
.Lfault_last_32:
	vmovdqa	%ymm1, %ymm0
	movl	$32, %eax
.Lfault_last:
	movq	left, %r8
	subq	%rax, %r8
	vmovq	%r8, %xmm7			/* the first as many are stored */
	jmp	.Lagain
.Lfault_first_2:
	vmovd	%eax, %xmm0
	movl	$2, %eax
	jmp	.Lfault_first
.Lfault_first_4:
	vmovd	%eax, %xmm0
	movl	$4, %eax
	jmp	.Lfault_first
.Lfault_first_8:
	vmovq	%rax, %xmm0
	movl	$8, %eax
.Lfault_first:
	vpcmpeqd %xmm7, %xmm7, %xmm7
	xorl	%r8d, %r8d
	jmp	.Lagain
	fault_in fault_window_3
	movl	$48, %r8d
	jmp	.Lfault_window
	fault_in fault_window_2
	movl	$32, %r8d
	jmp	.Lfault_window
	fault_in fault_window_1
	movl	$16, %r8d
	jmp	.Lfault_window
	fault_in fault_window_0
	xorl	%r8d, %r8d
.Lfault_window:
	vmovdqa	%xmm5, %xmm0
	movl	$16, %eax
	jmp	.Lagain
.Lfault_xmm0:
	movl	$16, %eax
	jmp	.Lfault_first
.Lfault_ymm0:
	xorl	%r8d, %r8d
.Lfault_ymm:
	vpcmpeqd %xmm7, %xmm7, %xmm7
.Lfault_ymm_again:
	movl	$32, %eax

	/* Invariant: %eax bytes in ymm0 belong %r8 bytes behind dst. */
.Lagain:
	note_fault landing
	vextracti128 $1, %ymm0, %xmm1
	\fence
	vzeroupper
	go_to_bytes
	store_bytes \name
.endm
