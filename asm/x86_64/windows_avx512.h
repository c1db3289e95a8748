/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * windows_avx512.h - windows of 64 bytes: the rules and names of copy_avx512.S, copy_nt_avx512.S
 *
 * The source is read in whole aligned lines. So no load crosses a line, and each line that is read
 * holds a byte that must be read. A "window" is the 64 bytes from any address. It lies in one or
 * two lines. Each line is rotated once, as it is loaded, and a window is a blend of two rotated
 * lines: the same rotation and the same mask serve for a whole copy. (One permutation of two lines
 * is one instruction less, but takes twice as long on Intel.) A part of a window is stored with a
 * mask. So no step of a short copy branches on an alignment, which would be mispredicted.
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
 *	All bytes before %rdi are stored. %rsi and %rdx belong to %rdi. Windows lie in groups. A
 *	group begins at dst, or at another place that its fixups know. Then its first windows may
 *	hold bytes before dst: these are stored already, or are not part of the copy.
 *
 * On a fault	- A load: the line before it is in a register, rotated. The fixup stores those of
 *		  its bytes that are not stored yet, one by one. Nothing is read again. The line
 *		  that failed begins the bad page or is the bad line, or the copy begins in it. So
 *		  the result is exact.
 *		- A store: its bytes are stored again one by one, up to the exact byte that fails.
 *		  If all of them can be stored, the cause of the fault is gone, and the function
 *		  begins again after them.
 *
 * Files	short_avx512.inc		copies of up to 64 bytes
 *		align_destination_avx512.inc	the first bytes, up to a line of the destination
 *		fixups_avx512.inc		the fixups of groups of windows
 */
#include "asm.h"

#define dst	%rdi
#define src	%rsi
#define left	%rdx		/* bytes from dst on */
#define record	%rcx		/* only a fixup looks at it */
#define back	%r8		/* (src,back) is the line that holds src */

/*
 * The numbers of the lanes. A copy of nothing loads the line of `lanes` and the line before it. The
 * table is never in the first line of a page: copies often end at the end of a page, and a store
 * there delays a load from the same place of another page.
 */
	.section .rodata.mcsafe_lanes, "a", @progbits
	.p2align 8
	.skip	64
	.type	lanes, @object
lanes:
	.byte	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.byte	16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	.byte	32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47
	.byte	48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63
	.byte	64
	.size	lanes, . - lanes
	.text

/*
 * Load a line and rotate it, so that the byte that a window begins with is in lane 0. VPERMB looks
 * at the lower 6 bits of its indices only.
 * In: zmm24 of find_line
 */
#define LOAD_ROTATED(fixup, reg, ...)                                          \
	debug_access fixup, MCSAFE_ROW_LOAD, 64, __VA_ARGS__;                  \
	9999: vpermb __VA_ARGS__, %zmm24, reg; extable 9999b, fixup, MCSAFE_ROW_LOAD

/*
 * The rotation for windows that begin at src.
 * In: \from, a register with the lower 6 bits of src; \from_32, its lower half
 * Out: zmm24, the rotation; %k2, the lanes of a window that come from the first of its two lines,
 *	which are all if src is a multiple of 64
 * Changes: %r9
 */
.macro	find_rotation from, from_32
	vpbroadcastb \from_32, %zmm24
	movq	$-1, %r9
	vpaddb	lanes(%rip), %zmm24, %zmm24
	shrxq	\from, %r9, %r9			/* SHRX uses the lower 6 bits of its count */
	kmovq	%r9, %k2
.endm

/*
 * The line that holds src.
 * In: src
 * Out: back (%r8); zmm24 and %k2 of find_rotation
 * Changes: %r9, flags
 */
.macro	find_line
	find_rotation src, %esi
	movl	%esi, %r8d
	andl	$63, %r8d
	negq	back
.endm

/*
 * The window that begins in the line in \lo and ends in the line in \hi, both rotated.
 * In: \lo, \hi; %k2 of find_rotation
 * Out: \lo
 */
.macro	window lo, hi
	vpblendmb \lo, \hi, \lo{%k2}
.endm

/*
 * The mask of the last window of a copy of more than 64 bytes.
 * In: left, also less than it was by any multiple of 64
 * Out: %k1, a bit for each byte of the window
 * Changes: %r9, %r10, flags
 */
.macro	last_mask
	movl	%edx, %r10d
	movq	$-1, %r9
	negl	%r10d
	shrxq	%r10, %r9, %r9
	kmovq	%r9, %k1
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

/*
 * In a fixup: leave out the bytes of a window that lie before dst.
 * In: zmm16, %r8d bytes that belong at dst + %rax; %rax is from -64 to 511
 * Out: zmm16, %eax bytes that belong at dst, which has moved on if %rax was more than 0; goes to
 *	\none if there are no such bytes
 * Changes: %r8, zmm17, flags; src and left as dst
 */
.macro	skip_stored none
	testq	%rax, %rax
	jns	.Lbefore_none_\@
	negl	%eax
	vpbroadcastb %eax, %zmm17
	vpaddb	lanes(%rip), %zmm17, %zmm17
	vpermb	%zmm16, %zmm17, %zmm16
	subl	%eax, %r8d
	jle	\none
	xorl	%eax, %eax
.Lbefore_none_\@:
	advance	%rax
	movl	%r8d, %eax
.endm

/*
 * In a fixup of short_avx512.inc: put src right.
 * In: src, the line of the first byte; zmm24, whose lane 0 is the lower 8 bits of its address
 * Out: src
 * Changes: %rax, flags
 */
.macro	restore_src
	vmovd	%xmm24, %eax
	andl	$63, %eax
	addq	%rax, src
.endm
