/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * entry.S - the public copies, if they do not begin in the engine that is in use
 *
 *	size_t mcsafe__copy_otherwise(void *dst, const void *src, size_t n,
 *				      struct mcsafe_fault *fault);
 *
 * copy_avx512.S jumps here from memcpy_mcsafe() and mcsafe_memcpy(), with %rax = dst | src. It goes
 * to the routine of the engine in use if no range can wrap around: each member of mcsafe__route
 * (src/copy/route.h) that it compares with is 2^63 if its routine is in use, and else 0. All that
 * is left is done by mcsafe__copy_any() (copy.c).
 *
 * Clobbers	nothing before it goes on
 */
#include "asm.h"

func mcsafe__copy_otherwise
	cmpq	mcsafe__route+MCSAFE_ROUTE_LONG_FROM(%rip), %rdx
	jae	mcsafe__copy_any
	cmpq	mcsafe__route+MCSAFE_ROUTE_AVX2(%rip), %rax
	jb	mcsafe__copy_avx2
	cmpq	mcsafe__route+MCSAFE_ROUTE_AVX512BW(%rip), %rax
	jb	mcsafe__copy_avx512bw
	jmp	mcsafe__copy_any
endfunc mcsafe__copy_otherwise
