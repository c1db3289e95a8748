/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * prefetch.h - prefetch the source, for the loops that bypass the caches
 *
 * The processor's own prefetchers stop at the end of each page. A loop that waits for memory there
 * is slower by a tenth. A prefetch is a hint: it cannot fault, and poison that it meets is not
 * consumed. It never goes past the end of the source.
 *
 * With a distance of two pages, copies of 32 MiB to 256 MiB were the fastest. With one page they
 * are slower by up to a tenth, and with four pages or more they are not faster (bench/).
 */
#ifndef MCSAFE_PREFETCH_H
#define MCSAFE_PREFETCH_H

#define PREFETCH_DISTANCE 8192

/*
 * Prefetch the \size bytes at PREFETCH_DISTANCE, or the last \size bytes of the source.
 * In: %rsi, the source; %rdx, the bytes that are left from %rsi on: more than \size
 * Out: nothing
 * Changes: %r9, %r11, flags
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
