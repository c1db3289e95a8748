/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * windows_avx2.h - windows of 16 bytes: the rules and names of copy_avx2.S and copy_nt_avx2.S
 *
 * No load crosses a 64-byte line. No step of a short copy branches on an alignment, because such a
 * branch would be mispredicted. Where the source may have any alignment, it is read in aligned
 * "chunks" of 16 bytes. A "window" is the 16 bytes from any address. It lies in one or two chunks,
 * and two byte shuffles and an OR make it. Every chunk that is read holds a byte that must be read.
 *
 * The rule of every access in the files that include this one:
 *
 *	%rdi, %rsi and %rdx stand at the start of the group that is being copied, and all bytes
 *	before the group are stored. The last group overlaps bytes that are stored already. While it
 *	is copied, %r8 is the number of bytes that were not stored before it began. A fault must
 *	never report more than that, even if memory fails that could be read or written a moment
 *	before.
 *
 * On a fault	- A load: the bytes that were read before it are in registers. The fixup stores them
 *		  byte by byte, up to the chunk that failed. Nothing is read again. The chunk that
 *		  failed begins the bad page or line, or the copy begins in that chunk. So the
 *		  result is exact.
 *		- A store: store_bytes.inc stores the same register again, byte by byte. If all of
 *		  its bytes can be stored, the cause of the fault is gone, and the function begins
 *		  again after them.
 *
 * Files	short_avx2.inc		copies of up to 64 bytes
 *		fixups_avx2.inc		the fixups of short_avx2.inc and of groups of windows
 */
#include "asm.h"

#define dst	%rdi
#define src	%rsi
#define left	%rdx		/* bytes from dst on */
#define record	%rcx		/* only a fixup looks at it */

/*
 * Shuffles. The 16 bytes from shift_table + 16 + m move a register down by m bytes, and those from
 * shift_table + m move it up by 16 - m bytes. Both fill with 0.
 */
	.section .rodata.mcsafe_shift, "a", @progbits
	.p2align 6
	.type	shift_table, @object
shift_table:
	.fill	16, 1, 0x80
	.byte	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.fill	16, 1, 0x80
	.size	shift_table, . - shift_table
	.text

/*
 * The shuffles for the alignment of src.
 * In: src
 * Out: %xmm6 moves a chunk down by src mod 16 bytes; %xmm7 moves the next chunk up to meet it;
 *	%r9 = src mod 16, until the next access: in a build with MCSAFE_DEBUG that changes %r9
 * Changes: %r10, flags
 */
.macro	shift_setup
	movl	%esi, %r9d
	andl	$15, %r9d
	leaq	shift_table(%rip), %r10
	vmovdqu	(%r10,%r9), %xmm7
	vmovdqu	16(%r10,%r9), %xmm6
.endm

/*
 * The chunk that holds the byte at src.
 * In: src
 * Out: %rax, its address
 * Changes: flags
 */
.macro	at_first_chunk
	movq	src, %rax
	andq	$-16, %rax
.endm

/*
 * The chunk that holds the last of the \size bytes from src. If src is aligned, this is not the
 * chunk after these bytes.
 * In: src
 * Out: %rax, its address
 * Changes: flags
 */
.macro	at_last_chunk size
	leaq	\size-1(src), %rax
	andq	$-16, %rax
.endm

/*
 * The window that begins in chunk \lo and ends in chunk \hi.
 * In: \lo, \hi; %xmm6 and %xmm7 of shift_setup
 * Out: %xmm5
 * Changes: %xmm4
 */
.macro	window lo, hi
	vpshufb	%xmm6, \lo, %xmm4
	vpshufb	%xmm7, \hi, %xmm5
	vpor	%xmm4, %xmm5, %xmm5
.endm

/*
 * Go on to the last \size bytes. The caller sets %r8 first (see the rule of every access).
 * In: dst, src, left
 * Out: dst and src, \size bytes before the ends of the operands; left = \size
 * Changes: nothing else
 */
.macro	to_last size
	leaq	-\size(src,left), src
	leaq	-\size(dst,left), dst
	movl	$\size, %edx
.endm
