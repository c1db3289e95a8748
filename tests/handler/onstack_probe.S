/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * onstack_probe.S - fault with known values in registers and in the red zone, and see them again
 *
 *	unsigned t_onstack_probe(const volatile void *bad);
 *
 * Loads a byte from bad, which a handler must make readable. 0: xmm0 to xmm15, the callee-saved
 * registers and the red zone are as they were at the fault.
 */
	.text
	.globl	t_onstack_probe
	.type	t_onstack_probe, @function
t_onstack_probe:
	.cfi_startproc
	movq	$0x1122334455667788, %rdx
	movq	%rdx, -8(%rsp)
	movq	%rdx, -128(%rsp)
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	leaq	\n(%rdx), %rcx
	movq	%rcx, %xmm\n
	.endr
	movq	%rbx, %r8
	movq	%rsp, %r9
	movb	(%rdi), %r10b			/* the fault */
	xorl	%eax, %eax
	cmpq	%rbx, %r8
	jne	.Lbad
	cmpq	%rsp, %r9
	jne	.Lbad
	cmpq	%rdx, -8(%rsp)
	jne	.Lbad
	cmpq	%rdx, -128(%rsp)
	jne	.Lbad
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	leaq	\n(%rdx), %rcx
	movq	%xmm\n, %rsi
	cmpq	%rcx, %rsi
	jne	.Lbad
	.endr
	ret
.Lbad:
	movl	$1, %eax
	ret
	.cfi_endproc
	.size	t_onstack_probe, . - t_onstack_probe
	.section .note.GNU-stack, "", @progbits
