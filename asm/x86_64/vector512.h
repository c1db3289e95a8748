/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vector512.h - what copy_avx512.S and copy_nt_avx512.S share: windows of lines, fixups
 *
 * The source is read in whole lines, aligned: no load crosses a line, and each line that is read
 * holds a byte that must be. A "window", the 64 bytes from any address, lies in two of them, and
 * one two-table byte permutation makes it. What is shorter than a window is stored with a mask, so
 * that no step of a short copy branches on an alignment, which would be mispredicted, and no store
 * overlaps one before it.
 *
 * A masked store writes the bytes of its mask and faults for them only; if it faults, none of them
 * is written (Intel SDM vol. 1, 15.6.4).
 *
 * Only registers from 16 on are used. They have no legacy part, so nothing has to be cleared for
 * the caller's sake (no VZEROUPPER), and the callers of the C library's memcpy() have them in use
 * already, wherever that is made for AVX-512.
 *
 * The rule of every access in here and in the files that include this:
 *
 *	%rdi, %rsi and %rdx stand at the start of the group of windows that is being copied. All
 *	before it is stored, and nothing behind. %r8 is how far the line of %rsi begins before it,
 *	as a negative number, and zmm24 the permutation that belongs to that.
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
#define back	%r8		/* (src,back) is the line that holds src */

	.section .rodata.mcsafe_lanes, "a", @progbits
	.p2align 6
	.type	lanes, @object
lanes:
	.byte	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.byte	16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	.byte	32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47
	.byte	48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63
	.byte	64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79
	.byte	80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95
	.byte	96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111
	.byte	112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127
	.size	lanes, . - lanes
	.text

/* %r8 and zmm24 for the src that stands. */
.macro	find_line
	movl	%esi, %r8d
	andl	$63, %r8d
	vpbroadcastb %r8d, %zmm24
	negq	back
	vpaddb	lanes(%rip), %zmm24, %zmm24
.endm

/* zmm16: the line that holds src. */
.macro	first_line
	LOAD(.Lfault_start, 64, vmovdqa64, %zmm16, (src,back))
.endm

/* zmm \lo: the window that begins in this line and ends in the line in zmm \hi. */
.macro	window lo, hi
	vpermt2b %zmm\hi, %zmm24, %zmm\lo
.endm

/* The \k-th window of a group, from the lines in zmm \lo and, read here, zmm \hi. */
.macro	window_step k, lo, hi, insn=vmovdqu64
	LOAD(.Lfault_line_\k, 64, vmovdqa64, %zmm\hi, 64+64*\k(src,back))
	window	\lo, \hi
	STORE(.Lfault_window_\k, 64, \insn, %zmm\lo, 64*\k(dst))
.endm

/* The same if it is a line. */
.macro	line_step k, lo, hi, insn=vmovdqu64
	LOAD(.Lfault_load_\k, 64, vmovdqa64, %zmm\lo, 64*\k(src))
	STORE(.Lfault_window_\k, 64, \insn, %zmm\lo, 64*\k(dst))
.endm

/* %k1: a bit for each byte of the last window, if that is the \k-th. */
.macro	last_mask k
.if \k < 2
	vpbroadcastb %edx, %zmm25
	vpcmpub	$6, lanes+64*\k(%rip), %zmm25, %k1	/* left is greater than the lane */
.else
	movl	%edx, %r10d
	movq	$-1, %r9
	negl	%r10d
	shrxq	%r10, %r9, %r9			/* it counts by its low 6 bits */
	kmovq	%r9, %k1
.endif
.endm

/*
 * The last window, the \k-th: 1 to 64 bytes, from the line in zmm \lo and that of the last byte,
 * which may be the same. In: %rax = left - 1.
 */
.macro	window_last k, lo, hi
	addq	src, %rax
	andq	$-64, %rax
	LOAD(.Lfault_line_\k, 64, vmovdqa64, %zmm\hi, (%rax))
	last_mask \k
	window	\lo, \hi
	STORE_MASKED(.Lfault_window_\k, %edx, vmovdqu8, %zmm\lo, 64*\k(dst))
	xorl	%eax, %eax
	ret
.endm

/* The same if it is in one line. */
.macro	line_last k, lo, hi
	LOAD(.Lfault_load_\k, 64, vmovdqa64, %zmm\lo, 64*\k(src))
	last_mask \k
	STORE_MASKED(.Lfault_window_\k, %edx, vmovdqu8, %zmm\lo, 64*\k(dst))
	xorl	%eax, %eax
	ret
.endm

.macro	advance n
	addq	\n, src
	addq	\n, dst
	subq	\n, left
.endm

/* The first 1 to 64 bytes, up to a line of the destination. More than 64 must be left. */
.macro	align_destination
	find_line
	first_line
	LOAD(.Lfault_line_0, 64, vmovdqa64, %zmm17, 64(src,back))
	movq	$-1, %r9
	shrxq	dst, %r9, %r9			/* it counts by its low 6 bits */
	kmovq	%r9, %k1
	window	16, 17
	movl	%edi, %eax
	orq	$-64, %rax
	negq	%rax
	STORE_MASKED(.Lfault_window_0, %eax, vmovdqu8, %zmm16, (dst))
	advance	%rax
.endm

/*
 * Store the first %eax bytes of zmm16, or as many as are left, one by one. Goes to .Lfault_byte if
 * a store fails, else to \exit, with dst, src and left moved on.
 */
.macro	store_bytes512 exit
	vmovdqu64 lanes+1(%rip), %zmm17
	cmpq	left, %rax
	cmovaq	left, %rax
	testl	%eax, %eax
	jz	\exit
.Lbyte_\@:
	vmovd	%xmm16, %r8d
	STORE(.Lfault_byte, 1, movb, %r8b, (dst))
	vpermb	%zmm16, %zmm17, %zmm16
	incq	dst
	incq	src
	decq	left
	decl	%eax
	jnz	.Lbyte_\@
	jmp	\exit
.endm

/* The fixup of what concerns window \k of a group, and the register that holds it or its line. */
.macro	back_to what, k, reg
.L\what\()_\k:
	vmovdqa64 %zmm\reg, %zmm16
	movl	$64*\k, %eax
	jmp	.L\what
.endm

.macro	fault_load k
.Lfault_load_\k:
	subq	$64*\k, left
	jmp	.Lfault_byte
.endm

/* The fixups of \name, with groups of up to 8 windows. \fence: orders its stores, or nothing. */
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
	jmp	.Lfault_byte

	/* Invariant: k windows of the group are stored, and the line behind them was not read. */
	fault_load 7
	fault_load 6
	fault_load 5
	fault_load 4
	fault_load 3
	fault_load 2
	fault_load 1
.Lfault_load_0:
	/* Invariant: the byte at dst was not stored. */
.Lfault_byte:
	note_fault landing
.Lout:
	movq	left, %rax
	\fence
	ret

	/* Invariant: zmm 16 + k is the line before that one, and the windows before k are stored. */
	back_to fault_line, 7, 23
	back_to fault_line, 6, 22
	back_to fault_line, 5, 21
	back_to fault_line, 4, 20
	back_to fault_line, 3, 19
	back_to fault_line, 2, 18
	back_to fault_line, 1, 17
.Lfault_line_0:
	xorl	%eax, %eax
.Lfault_line:
	note_fault landing
	advance	%rax
	vpermb	%zmm16, %zmm24, %zmm16
	leal	64(%r8), %eax
	store_bytes512 .Lout

	/* Invariant: zmm 16 + k belongs at window k, and the windows before it are stored. */
	back_to fault_window, 7, 23
	back_to fault_window, 6, 22
	back_to fault_window, 5, 21
	back_to fault_window, 4, 20
	back_to fault_window, 3, 19
	back_to fault_window, 2, 18
	back_to fault_window, 1, 17
.Lfault_window_0:
	xorl	%eax, %eax
.Lfault_window:
	note_fault landing
	\fence					/* the rest may take a way without */
	advance	%rax
	movl	$64, %eax
	store_bytes512 \name
.endm
