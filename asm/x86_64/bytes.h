/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bytes.h - single bytes: what every vector engine does after a store has failed
 *
 * A vector store can straddle into a bad page, and the processor stores all of it or nothing
 * (measured; Intel SDM vol. 3, 6.6: a fault leaves the state before the instruction). So the group
 * is done again byte by byte, up to the exact byte that fails. Its source was read without a
 * fault, or was not read at all.
 *
 * In: %rdi, %rsi, %rdx at the start of the group, which is not longer than 128 bytes; all before
 * it is stored. Goes to .Lfault_load if a byte fails, which is then exact; else what forbade the
 * store is gone, and it goes to \name with the rest, at least 128 bytes further on.
 */
.macro	byte_by_byte name
	movl	$128, %r8d
.Lbyte:
	testq	%rdx, %rdx
	jz	\name
	LOAD(.Lfault_load, 1, movb, %al, (%rsi))
	STORE(.Lfault_load, 1, movb, %al, (%rdi))
	incq	%rsi
	incq	%rdi
	decq	%rdx
	decl	%r8d
	jnz	.Lbyte
	jmp	\name
.endm
