/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * windows_avx2.h - windows of 32 bytes: the rules and names of copy_avx2.S and copy_nt_avx2.S
 *
 * No load crosses a 64-byte line. No step of a short copy branches on an alignment, because such a
 * branch would be mispredicted. Where the source may have any alignment, it is read in aligned
 * "chunks" of 16 bytes or "blocks" of 32 bytes. A "window" is the 32 bytes from any address. Byte
 * shuffles and ORs make it out of chunks or blocks. Each of these that is read holds a byte that
 * must be read, or lies in a line that holds one.
 *
 * The rule of every access in the files that include this one, but for short_avx2.inc:
 *
 *	%rdi, %rsi and %rdx stand at the start of the group that is being copied, and all bytes
 *	before the group are stored. The last group overlaps bytes that are stored already. %r8 is
 *	an upper bound of the result: the number of bytes that were not stored before the last group
 *	began, or before the copy began. A fault must never report more than that, even if memory
 *	fails that could be read or written a moment before.
 *
 * On a fault	- A load: the bytes that were read before it are in registers. The fixup stores them
 *		  byte by byte, up to the chunk that failed. Nothing is read again. The chunk that
 *		  failed begins the bad page or line, or the copy begins in that chunk. So the
 *		  result is exact.
 *		- A store: the fixup stores the same register again, byte by byte. If all of its
 *		  bytes can be stored, the cause of the fault is gone, and the function begins again
 *		  after them.
 *
 * The scratch is the 128 bytes below %rsp. The processor may not use them, nor a signal handler
 * (x86-64 psABI, 3.2.2, the red zone). The functions call nothing. An access in a build with
 * MCSAFE_DEBUG calls, but leaves all of the scratch but its last 8 bytes alone (debug_access.S).
 *
 * Files	short_avx2.inc		copies of up to 63 bytes
 *		group_avx2.inc		64 bytes in windows
 *		fixups_avx2.inc		the fixups of short_avx2.inc and of groups of windows
 */
#include "asm.h"

#define dst	%rdi
#define src	%rsi
#define left	%rdx		/* bytes from dst on */
#define record	%rcx		/* only a fixup looks at it */
#define bound	%r8		/* of the result */

/*
 * Shuffles. The 16 bytes from shift_table + 32 + m move 16 bytes down by m, and fill with 0. If m
 * is negative, they move the bytes up by -m. From -16 or from 16 on, they give 0 alone.
 */
	.section .rodata.mcsafe_shift, "a", @progbits
	.p2align 6
	.type	shift_table, @object
shift_table:
	.fill	32, 1, 0x80
	.byte	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.fill	32, 1, 0x80
	.size	shift_table, . - shift_table
	.text

/*
 * VINSERTI128 to the upper half, with its operands in the order that LOAD() writes.
 * In: \mem, the memory operand and the registers
 * Out: the last register
 * Changes: nothing else
 */
.macro	vinserti128_high mem:vararg
	vinserti128 $1, \mem
.endm
#define YMM0_HIGH %ymm0, %ymm0
#define YMM1_HIGH %ymm1, %ymm1

/*
 * The shuffles of chunks, for the alignment of src.
 * In: src
 * Out: %ymm6 moves chunks down by src mod 16 bytes; %ymm7 moves the next chunks up to meet them;
 *	%r9 = src mod 16, until the next access: in a build with MCSAFE_DEBUG that changes %r9
 * Changes: %r10, flags
 */
.macro	shift_setup
	movl	%esi, %r9d
	andl	$15, %r9d
	leaq	shift_table+16(%rip), %r10
	vbroadcastf128 (%r10,%r9), %ymm7
	vbroadcastf128 16(%r10,%r9), %ymm6
.endm

/*
 * The windows that begin in the two chunks of \lo, and go on in the upper chunk of \lo and the
 * lower chunk of \hi.
 * In: \lo, \hi; %ymm6 and %ymm7 of shift_setup
 * Out: \window
 * Changes: %ymm4
 */
.macro	window lo, hi, window
	vperm2i128 $0x21, \hi, \lo, %ymm4
	vpshufb	%ymm6, \lo, \window
	vpshufb	%ymm7, %ymm4, %ymm4
	vpor	%ymm4, \window, \window
.endm

/*
 * Go on to the last \size bytes. The caller sets bound first (see the rule of every access).
 * In: dst, src, left
 * Out: dst and src, \size bytes before the ends of the operands; left = \size
 * Changes: nothing else
 */
.macro	to_last size
	leaq	-\size(src,left), src
	leaq	-\size(dst,left), dst
	movl	$\size, %edx
.endm
