/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * module_many.S - 100,000 loads, each in a place of its own, for rows that are made at run time
 *
 *	int t_many_load(const volatile void *p, size_t i);	1 if the i-th load failed
 *
 * The loads lie 4 bytes apart from t_many_insns on; t_many_failed is their fixup.
 */
	.text
	.globl	t_many_load, t_many_insns, t_many_failed
	.type	t_many_load, @function
t_many_load:
	.cfi_startproc
	leaq	t_many_insns(%rip), %rcx
	leaq	(%rcx,%rsi,4), %rcx
	xorl	%eax, %eax
	jmp	*%rcx
t_many_failed:
	movl	$1, %eax
	ret
	.p2align 4
t_many_insns:
	.rept	100000
	movb	(%rdi), %dl
	ret
	nop
	.endr
	.cfi_endproc
	.size	t_many_load, . - t_many_load
	.section .note.GNU-stack, "", @progbits
