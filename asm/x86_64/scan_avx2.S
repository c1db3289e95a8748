/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan_avx2.S - find a byte, a line of 64 bytes at a time, by 32-byte vectors
 *
 *	enum mcsafe_cause mcsafe__scan_avx2(const void *s, int c, size_t n, size_t *at,
 *					    struct mcsafe_fault *fault);
 *
 * As mcsafe__scan_avx512() of scan_avx512.S. Here a line is compared by two loads, and the bits of
 * both make the mask of the line. scan_lines.inc has the code, and says what it loads and what
 * happens on a fault.
 *
 * mcsafe__memchr_avx2() is where mcsafe_memchr() of that file goes if the engine in use has another
 * routine than that file's.
 *
 * Needs	AVX2, BMI1 and BMI2 (CPUID leaf 7, EBX bits 5, 3 and 8; XCR0 bits 1 and 2)
 * Clobbers	%rax, %rsi, %xmm0-%xmm3, %r9-%r11
 */
#include "asm.h"

/* In: %sil. Out: %ymm0, the byte 32 times. Changes: nothing else. */
.macro	fill_vector
	vmovd	%esi, %xmm0
	vpbroadcastb %xmm0, %ymm0
.endm

/* A compare with the vector in memory makes each byte that is c -1, and the others 0. */
#define INTO_1	%ymm0, %ymm1
#define INTO_2	%ymm0, %ymm2

/*
 * Make one mask of the two vectors of a line.
 * In: %ymm1 and %ymm2, the compared halves
 * Out: %r9, a bit for each byte of the line
 * Changes: %r10, flags
 */
.macro	mask_of_line
	vpmovmskb %ymm2, %r10d
	vpmovmskb %ymm1, %r9d
	shlq	$32, %r10
	orq	%r10, %r9
.endm

/*
 * In: \addr, the line; %ymm0
 * Out: %r9, a bit for each byte of the line
 * Changes: %ymm1, %ymm2, %r10, flags
 */
.macro	compare_at fixup, addr
	LOAD(\fixup, 32, vpcmpeqb, INTO_1, \addr)
	LOAD(\fixup, 32, vpcmpeqb, INTO_2, 32\addr)
	mask_of_line
.endm

/*
 * Compare line k of the turn, and go to .Lfound_k if it holds c.
 * In: %rsi, the line before the turn; %ymm0
 * Out: %ymm1 and %ymm2, the compared halves
 * Changes: %ymm3, %r9, flags
 */
.macro	compare_line k
	LOAD(.Lfault_turn_\k, 32, vpcmpeqb, INTO_1, 64*(\k)+64(%rsi))
	LOAD(.Lfault_turn_\k, 32, vpcmpeqb, INTO_2, 64*(\k)+96(%rsi))
	vpor	%ymm1, %ymm2, %ymm3
	vpmovmskb %ymm3, %r9d
	testl	%r9d, %r9d
	jnz	.Lfound_\k
.endm

/* In: %ymm1 and %ymm2, as compare_line left them. Out: %r9. Changes: %r10, flags. */
.macro	mask_of_turn
	mask_of_line
.endm

.macro	clean
	vzeroupper
.endm

#ifndef MCSAFE_MSAN
	.hidden	mcsafe__memchr_avx2
front mcsafe__memchr_avx2
	enter_if_below MCSAFE_ENTRY_SCAN_AVX2, %rdx, mcsafe__memchr
endfront mcsafe__memchr_avx2
#endif

#define NAME mcsafe__scan_avx2
#include "scan_lines.inc"
