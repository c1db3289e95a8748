/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vector512.h - what copy_avx512.S and copy_nt_avx512.S share: windows of lines, fixups
 *
 * The source is read in whole lines, aligned: no load crosses a line, and each line that is read
 * holds a byte that must be. A "window", the 64 bytes from any address, lies in two of them, and
 * one two-table byte permutation makes it. What is shorter than a window is stored with a mask, so
 * that no step branches on an alignment, which would be mispredicted, and no store overlaps one
 * before it.
 *
 * A masked store writes the bytes of its mask and faults for them only; if it faults, none of them
 * is written (Intel SDM vol. 1, 15.6.4). The mask may even be empty.
 *
 * Only registers from 16 on are used. They have no legacy part, so nothing has to be cleared for
 * the caller's sake (no VZEROUPPER), and the callers of the C library's memcpy() have them in use
 * already, wherever that is made for AVX-512.
 *
 * The rule of every access in here and in the files that include this:
 *
 *	%rdi, %rsi and %rdx stand at the start of the group of windows that is being copied. All
 *	before it is stored, and nothing behind. %r8 is how far the line of %rsi begins before it,
 *	as a negative number, and zmm21 the permutation that belongs to that.
 *
 * On a fault	- A load: the line before it is in a register, and the fixup stores its bytes
 *		  that are not stored yet, one by one. Nothing is read again. The line that failed
 *		  begins the page or the line that is bad, or the copy begins in it: so the result
 *		  is exact.
 *		- A store: its bytes are stored again one by one, up to the exact one that fails. If
 *		  all of them go in, what forbade the store is gone, and the function begins again
 *		  behind them.
 */
#include "asm.h"

#define dst	%rdi
#define src	%rsi
#define left	%rdx		/* bytes from dst on */
#define landing	%rcx		/* only a fixup looks at it */
#define line	%r8		/* (src,line) is the line that holds src */

	.section .rodata.mcsafe_lanes, "a", @progbits
	.p2align 6
	.type	lanes, @object
lanes:
	.byte	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.byte	16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	.byte	32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47
	.byte	48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63
	.byte	0				/* lanes + 1 turns a register by one byte */
	.size	lanes, . - lanes
	.text

/* %r8 and zmm21 for the src that stands. */
.macro	find_line
	movl	%esi, %r8d
	andl	$63, %r8d
	vpbroadcastb %r8d, %zmm21
	negq	line
	vpaddb	lanes(%rip), %zmm21, %zmm21
.endm

/* The line that holds the last byte. */
.macro	last_line
	leaq	-1(src,left), %rax
	andq	$-64, %rax
.endm

/* zmm \lo: the window that begins in this line and ends in the line in zmm \hi. */
.macro	window lo, hi
	vpermt2b %zmm\hi, %zmm21, %zmm\lo
.endm

/* A mask for the first \n bytes; all 64 if \n is more (BZHI saturates, but looks at 8 bits only). */
.macro	mask n
	movq	$-1, %r11
	bzhiq	\n, %r11, %r11
	kmovq	%r11, %k1
.endm

/* The \k-th window of a group, from the lines in zmm \lo and, read here, zmm \hi. */
.macro	step k, lo, hi, insn=vmovdqu64
	LOAD(.Lfault_line_\k, 64, vmovdqa64, %zmm\hi, 64+64*\k(src,line))
	window	\lo, \hi
	STORE(.Lfault_window_\k, 64, \insn, %zmm\lo, 64*\k(dst))
.endm

.macro	advance n
	addq	\n, src
	addq	\n, dst
	subq	\n, left
.endm

/* The last 1 to 64 bytes; zmm16 is the line that holds src. Stores them and returns. */
.macro	last_window fence
	last_line
	LOAD(.Lfault_line_0, 64, vmovdqa64, %zmm17, (%rax))
	mask	left
	window	16, 17
	STORE_MASKED(.Lfault_window_0, %edx, vmovdqu8, %zmm16, (dst))
	\fence
	xorl	%eax, %eax
	ret
.endm

/* The first bytes, up to a line of the destination; then zmm16 is the line that holds src. */
.macro	align_destination
	find_line
	LOAD(.Lfault_start, 64, vmovdqa64, %zmm16, (src,line))
	LOAD(.Lfault_line_0, 64, vmovdqa64, %zmm17, 64(src,line))
	movl	%edi, %r10d
	negl	%r10d
	andl	$63, %r10d
	mask	%r10
	window	16, 17
	STORE_MASKED(.Lfault_window_0, %r10d, vmovdqu8, %zmm16, (dst))
	movl	%edi, %r9d
	negl	%r9d
	andl	$63, %r9d
	advance	%r9
	find_line
	LOAD(.Lfault_start, 64, vmovdqa64, %zmm16, (src,line))
.endm

/*
 * Store the first %eax bytes of zmm16, or as many as are left, one by one. Goes to .Lfault_byte if
 * a store fails, else to \exit, with dst, src and left moved on.
 */
.macro	store_bytes512 exit
	vmovdqu64 lanes+1(%rip), %zmm18
	cmpq	left, %rax
	cmovaq	left, %rax
	testl	%eax, %eax
	jz	\exit
.Lbyte_\@:
	vmovd	%xmm16, %r8d
	STORE(.Lfault_byte, 1, movb, %r8b, (dst))
	vpermb	%zmm16, %zmm18, %zmm16
	incq	dst
	incq	src
	decq	left
	decl	%eax
	jnz	.Lbyte_\@
	jmp	\exit
.endm

/* The fixups of \name. \fence: an instruction that orders its stores, or nothing. */
.macro	vector512_fixups name, fence
	/*
	 * Invariant: nothing of the group is stored, and its first line was not read. An address
	 * before src is that of the line: the byte at src failed. But the start of a page is what
	 * the kernel says of a machine check anywhere in it.
	 */
.Lfault_start:
	movq	src, %rax
	subq	%r9, %rax
	cmpq	$64, %rax
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
	/* Invariant: the byte at dst was not stored. */
.Lfault_byte:
	note_fault landing
.Lout:
	movq	left, %rax
	\fence
	ret

	/* Invariant: zmm 16 + k is the line before that one, and the windows before k are stored. */
.Lfault_line_3:
	vmovdqa64 %zmm19, %zmm16
	movl	$192, %eax
	jmp	.Lfault_line
.Lfault_line_2:
	vmovdqa64 %zmm18, %zmm16
	movl	$128, %eax
	jmp	.Lfault_line
.Lfault_line_1:
	vmovdqa64 %zmm17, %zmm16
	movl	$64, %eax
	jmp	.Lfault_line
.Lfault_line_0:
	xorl	%eax, %eax
.Lfault_line:
	note_fault landing
	cmpq	left, %rax
	cmovaq	left, %rax
	advance	%rax
	vpermb	%zmm16, %zmm21, %zmm16
	leal	64(%r8), %eax
	store_bytes512 .Lout

	/* Invariant: zmm 16 + k belongs at window k, and the windows before it are stored. */
.Lfault_window_3:
	vmovdqa64 %zmm19, %zmm16
	movl	$192, %eax
	jmp	.Lfault_window
.Lfault_window_2:
	vmovdqa64 %zmm18, %zmm16
	movl	$128, %eax
	jmp	.Lfault_window
.Lfault_window_1:
	vmovdqa64 %zmm17, %zmm16
	movl	$64, %eax
	jmp	.Lfault_window
.Lfault_window_0:
	xorl	%eax, %eax
.Lfault_window:
	note_fault landing
	advance	%rax
	movl	$64, %eax
	store_bytes512 \name
.endm
