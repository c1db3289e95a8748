/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bytes.h - store what is in registers byte by byte: what the fixups of the vector engines do
 *
 * A vector store can straddle into a bad page, and the processor stores all of it or nothing. So
 * its bytes are stored again one by one, up to the exact one that fails; and so are the bytes that
 * were read before a load failed. The source is not read for that.
 *
 * In: %xmm0, then %xmm1	the bytes, with the upper halves of all YMM registers clean
 *     %eax			how many: 1 to 16, or 32
 *     %rdi, %rsi, %rdx		where they belong, and how many bytes are left from there on
 * Goes to .Lfault_byte if a store fails, else to \exit, with all three moved on.
 */
.macro	store_bytes exit
.Lbyte_\@:
	movd	%xmm0, %r8d
	STORE(.Lfault_byte, 1, movb, %r8b, (%rdi))
	psrldq	$1, %xmm0
	incq	%rdi
	incq	%rsi
	decq	%rdx
	decl	%eax
	jz	\exit
	cmpl	$16, %eax
	jne	.Lbyte_\@
	movdqa	%xmm1, %xmm0
	jmp	.Lbyte_\@
.endm

/*
 * In: %r8	where the bytes belong, counted from %rdi
 */
.macro	go_to_bytes
	addq	%r8, %rdi
	addq	%r8, %rsi
	subq	%r8, %rdx
.endm
