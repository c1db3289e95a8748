/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * prefetch.h - have the source come nearer, for the loops that bypass the caches
 *
 * The processor's own prefetchers stop at the end of each page, and a loop that waits for memory
 * there is the slower by a tenth. A prefetch is a hint: it cannot fault, and what it meets is not
 * consumed. It never looks behind the source.
 *
 * Two pages ahead is where copies of 32 MiB to 256 MiB were the fastest: with one they are slower by
 * up to a tenth, and from four on no faster (bench/).
 */
#ifndef MCSAFE_PREFETCH_H
#define MCSAFE_PREFETCH_H

#define PREFETCH_DISTANCE 8192

/*
 * The \size bytes that are so far ahead, or the last ones; more than \size must be left from %rsi on,
 * and %rdx says how many. Changes %r9, %r11 and the flags.
 */
.macro	prefetch_ahead size
	leaq	PREFETCH_DISTANCE(%rsi), %r9
	leaq	-\size(%rsi,%rdx), %r11
	cmpq	%r11, %r9
	cmovaq	%r11, %r9
	prefetcht0 (%r9)
.if \size > 64
	prefetcht0 64(%r9)
	prefetcht0 128(%r9)
	prefetcht0 192(%r9)
.endif
.endm

#endif /* MCSAFE_PREFETCH_H */
