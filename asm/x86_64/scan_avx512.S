/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan_avx512.S - find a byte, a line of 64 bytes at a time
 *
 *	enum mcsafe_cause mcsafe__scan_avx512(const void *s, int c, size_t n, size_t *at,
 *					      struct mcsafe_fault *fault);
 *	enum mcsafe_cause mcsafe_memchr(const void *s, int c, size_t n, size_t *at,
 *					struct mcsafe_fault *fault);
 *	enum mcsafe_cause mcsafe_strnlen(const char *s, size_t max, size_t *length,
 *					 struct mcsafe_fault *fault);
 *
 * Stores in *at the number of bytes before the first byte c, or n if there is none, and returns
 * MCSAFE_CAUSE_NONE. If a load fails whose bytes are needed, *at is the number of bytes before the
 * first one that cannot be read; *fault is written, and the cause is returned. mcsafe_memchr() is
 * this function if the engine in use has it, and mcsafe_strnlen() is mcsafe_memchr() with c = 0.
 *
 * Needs	AVX512F and AVX512BW (CPUID leaf 7, EBX bits 16 and 30; XCR0 bits 1, 2 and 5 to 7),
 *		BMI1 and BMI2 (EBX bits 3 and 8)
 * Clobbers	%rax, %rsi, zmm16, %k1, %r9-%r11. zmm16 has no legacy part, so nothing has to
 *		be cleared for the caller (no VZEROUPPER).
 *
 * scan_lines.inc has the code, and says what it loads and what happens on a fault.
 */
#include "asm.h"

/* In: %sil. Out: %zmm16, the byte 64 times. Changes: nothing else. */
.macro	fill_vector
	vpbroadcastb %esi, %zmm16
.endm

/* A compare with the vector in memory sets a bit of the mask for each byte that is c. */
#define INTO_K1	%zmm16, %k1

/* In: \addr. Out: %r9, a bit for each byte of the line. Changes: %k1. */
.macro	compare_at fixup, addr
	LOAD(\fixup, 64, vpcmpeqb, INTO_K1, \addr)
	kmovq	%k1, %r9
.endm

/*
 * Compare line k of a turn, and go to .Lfound_k if it holds c. KMOVQ and TEST rather than KORTEST,
 * which takes two thirds longer on AMD family 1Ah.
 * In: %rsi, the line before the turn; zmm16
 * Out: %r9, a bit for each byte of the line
 * Changes: %k1, flags
 */
.macro	compare_line k
	LOAD(.Lfault_turn_\k, 64, vpcmpeqb, INTO_K1, 64*(\k)+64(%rsi))
	kmovq	%k1, %r9
	testq	%r9, %r9
	jnz	.Lfound_\k
.endm

/* In: %r9, as compare_line left it. Out: the same. Changes: nothing. */
.macro	mask_of_turn
.endm

/* zmm16 has no legacy part. */
.macro	clean
.endm

#ifndef MCSAFE_MSAN
front mcsafe_strnlen
	/* The arguments of mcsafe_memchr(), which follows. */
	movq	%rcx, %r8
	movq	%rdx, %rcx
	movq	%rsi, %rdx
	xorl	%esi, %esi
endfront mcsafe_strnlen
	.p2align 4
front mcsafe_memchr, 0
	enter_if_below MCSAFE_ENTRY_SCAN_AVX512, %rdx, mcsafe__memchr_avx2
endfront mcsafe_memchr
#endif

#define NAME mcsafe__scan_avx512
#include "scan_lines.inc"
