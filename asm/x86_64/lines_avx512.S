/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lines_avx512.S - copy whole lines of the destination past the caches, with 64-byte vectors
 *
 *	size_t mcsafe__lines_avx512(void *dst, const void *src, size_t n,
 *				    struct mcsafe_fault *fault);
 *
 * dst and n are multiples of 64. Copies n bytes upwards and returns how many were not copied;
 * *fault is written if that is not 0. Each line is stored by one non-temporal store, so it needs no
 * write-back. The function has no fence: the caller orders the lines with SFENCE. If the last byte
 * that was copied is not the last of a line, that line was stored through the caches.
 *
 * Needs	AVX512F, AVX512BW and AVX512_VBMI (CPUID leaf 7, EBX bits 16 and 30, ECX bit 1; XCR0
 *		bits 1, 2 and 5 to 7), BMI1 and BMI2 (EBX bits 3 and 8)
 * Clobbers	%rax, %r9-%r11, zmm16-zmm19, %k1, %k5-%k7 and the argument registers. The vector
 *		registers have no legacy part, so nothing has to be cleared (no VZEROUPPER).
 *
 * Each line of the source is loaded once, and its bytes are rotated to their places in lines of the
 * destination. A line of the destination needs bytes of two lines of the source. Its first "low"
 * bytes, low = -src mod 64, are in the line that the destination's line before it needed, too.
 *
 * Loads	Each load is of one aligned line that holds a byte of the source.
 *
 * Trace	n = 128, src % 64 = 13: low = 51; loads the line of src, then the next one, and
 *		stores 51 bytes of the first and 13 of the second; loads the third, and stores 51
 *		bytes of the second and 13 of the third; returns 0
 *
 * On a fault	If a store of a line fails, the side in *fault is 0. The destination is aligned, and
 *		memory is lost from a line on, so the result is exact. But the cause may be gone:
 *		the caller tries the rest by another copy. If a load fails, the low bytes of the
 *		line are in a register, and are stored with a mask. So the result is exact.
 */
#include "asm.h"

#define dst		%rdi	/* its end, after the start */
#define src		%rsi
#define src_and_low	%rsi	/* (src_and_low,at) is the next line of the source */
#define n		%rdx
#define record		%rcx	/* only a fixup looks at it */
#define at		%rax	/* less the number of bytes that are left */

	.section .rodata.mcsafe_lines, "a", @progbits
	.p2align 6
	.type	lanes, @object
lanes:
	.byte	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.byte	16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	.byte	32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47
	.byte	48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63
	.size	lanes, . - lanes
	.text

/* The permutation is zmm16. */
#define ROTATED(reg) %zmm16, reg

func mcsafe__lines_avx512
	testq	n, n
	jz	.Lnothing
	movl	%esi, %r9d
	negl	%r9d
	andl	$63, %r9d
	movq	$-1, %r10
	bzhiq	%r9, %r10, %r10
	kmovq	%r10, %k1			/* the low bytes of a line */
	vpbroadcastb %esi, %zmm16
	vpaddb	lanes(%rip), %zmm16, %zmm16
	movq	n, at
	negq	at
	addq	n, dst
	addq	n, src				/* (src,at) is the source; n is a multiple of 64 */
	testl	%r9d, %r9d
	jz	.Lline
	andq	$-64, src
	LOAD(.Lfault_first, 64, vpermb, ROTATED(%zmm17), (src,at))
	addq	$64, src

	/* zmm17 is the line of the source before, if any byte of it is needed. */
	.p2align 5
.Lline:
	LOAD(.Lfault_load, 64, vpermb, ROTATED(%zmm18), (src_and_low,at))
	vpblendmb %zmm17, %zmm18, %zmm19{%k1}
	STORE(.Lfault_line, 64, vmovntdq, %zmm19, (dst,at))
	addq	$64, at
	jz	.Lnothing
	LOAD(.Lfault_load_after_18, 64, vpermb, ROTATED(%zmm17), (src_and_low,at))
	vpblendmb %zmm18, %zmm17, %zmm19{%k1}
	STORE(.Lfault_line, 64, vmovntdq, %zmm19, (dst,at))
	addq	$64, at
	jnz	.Lline
.Lnothing:
	xorl	%eax, %eax
	ret

	/* Invariant: nothing is stored. The line at (src,at), with the first byte, was not read. */
.Lfault_first:
	kmovq	%k1, n
	notq	n
	tzcntq	n, n				/* low */
	leaq	64(src,at), src
	subq	n, src
	jmp	.Lstop

	/*
	 * Invariant: all bytes before the line at "at" are stored. The low bytes of the line are in
	 * zmm17, or for .Lfault_load_after_18 in zmm18. The next byte was not read.
	 */
.Lfault_load_after_18:
	vmovdqa64 %zmm18, %zmm17
.Lfault_load:
	addq	at, src_and_low			/* the first byte that was not read */
	kmovq	%k1, n
	notq	n
	tzcntq	n, n				/* low */
	jz	.Lstop
	keep_fault kmovq, %k5, %k6, %k7
	STORE_MASKED(.Lfault_store, %edx, vmovdqu8, %zmm17, (dst,at))
	kept_fault kmovq, %k5, %k6, %k7
	addq	n, at
	jmp	.Lstop

	/* Invariant: all bytes before the line at "at" are stored, and none of the line. */
.Lfault_line:
	andq	$~(0xff << 16), %r11		/* the side: 0 */
.Lfault_store:
	addq	at, dst
.Lstop:
	negq	at
	stop_at_fault
endfunc mcsafe__lines_avx512
