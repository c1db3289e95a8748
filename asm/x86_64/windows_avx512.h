/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * windows_avx512.h - windows of 64 bytes: the rules and names of copy_avx512.S, copy_nt_avx512.S
 *
 * The source is read in whole aligned lines. So no load crosses a line, and each line that is read
 * holds a byte that must be read. A "window" is the 64 bytes from any address. It lies in one or
 * two lines, and one two-table byte permutation makes it. A part of a window is stored with a mask.
 * So no step of a short copy branches on an alignment, which would be mispredicted, and no store
 * overlaps one before it.
 *
 * A masked store writes the bytes of its mask and faults for these bytes only. If it faults, it
 * writes none of them (Intel SDM vol. 1, 15.6.4).
 *
 * Only registers from 16 on are used. They have no legacy part, so nothing has to be cleared for
 * the caller (no VZEROUPPER). The C library's memcpy() uses them too where it is made for AVX-512,
 * so its callers already have them in use.
 *
 * The rule of every access in the files that include this one:
 *
 *	%rdi, %rsi and %rdx stand at the start of the group of windows that is being copied. All
 *	bytes before the group are stored, and none after it. %r8 is the address of the line that
 *	holds src less src: 0 to -63. zmm24 is the permutation that belongs to %r8.
 *
 * On a fault	- A load: the line before it is in a register. The fixup stores those of its bytes
 *		  that are not stored yet, one by one. Nothing is read again. The line that failed
 *		  begins the bad page or is the bad line, or the copy begins in it. So the result is
 *		  exact.
 *		- A store: its bytes are stored again one by one, up to the exact byte that fails.
 *		  If all of them can be stored, the cause of the fault is gone, and the function
 *		  begins again after them.
 *
 * Files	align_destination_avx512.inc	the first bytes, up to a line of the destination
 *		fixups_avx512.inc		the fixups of groups of windows
 */
#include "asm.h"

#define dst	%rdi
#define src	%rsi
#define left	%rdx		/* bytes from dst on */
#define record	%rcx		/* only a fixup looks at it */
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

/*
 * The line that holds src.
 * In: src
 * Out: back (%r8); zmm24, the permutation for "window"
 * Changes: flags
 */
.macro	find_line
	movl	%esi, %r8d
	andl	$63, %r8d
	vpbroadcastb %r8d, %zmm24
	negq	back
	vpaddb	lanes(%rip), %zmm24, %zmm24
.endm

/*
 * The window that begins in the line in \lo and ends in the line in \hi.
 * In: \lo, \hi; zmm24 of find_line
 * Out: \lo
 * Changes: nothing else
 */
.macro	window lo, hi
	vpermt2b \hi, %zmm24, \lo
.endm

/*
 * The mask of the last window, if it is the \k-th of its group, counted from 0.
 * In: left, from 64 * \k + 1 to 64 * \k + 64
 * Out: %k1, a bit for each byte of the window
 * Changes: zmm25 if \k < 2, else %r9, %r10 and flags
 */
.macro	last_mask k
.if \k < 2
	vpbroadcastb %edx, %zmm25
	vpcmpub	$6, lanes+64*\k(%rip), %zmm25, %k1	/* left is greater than the lane */
.else
	movl	%edx, %r10d
	movq	$-1, %r9
	negl	%r10d
	shrxq	%r10, %r9, %r9			/* SHRX uses the lower 6 bits of its count */
	kmovq	%r9, %k1
.endif
.endm

/*
 * Go on after \n bytes.
 * In: \n, a register or a constant; dst, src, left
 * Out: dst and src, \n bytes on; left, less \n
 * Changes: flags
 */
.macro	advance n
	addq	\n, src
	addq	\n, dst
	subq	\n, left
.endm
