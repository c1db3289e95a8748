/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_reread.S - a copy with a broken fixup, which the lab must detect
 *
 * size_t lab_copy_reread(void *dst, const void *src, size_t n, struct mcsafe_fault *fault);
 *
 * Copies single bytes. After a fault of a load it reads the same byte again, which C6 forbids: on a
 * real machine the second read of poison may be fatal. Its result is nevertheless right.
 */
#include "asm.h"

func lab_copy_reread
	testq	%rdx, %rdx
	jz	.Ldone
.Lbyte:
	LOAD(.Lfault_load, 1, movb, %al, (%rsi))
	STORE(.Lfault, 1, movb, %al, (%rdi))
	incq	%rsi
	incq	%rdi
	decq	%rdx
	jnz	.Lbyte
.Ldone:
	movq	%rdx, %rax
	ret
.Lfault_load:
	LOAD(.Lfault, 1, movb, %al, (%rsi))
.Lfault:
	movq	%rdx, %rax
	stop_at_fault
endfunc lab_copy_reread
