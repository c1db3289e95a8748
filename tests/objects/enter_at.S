/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * enter_at.S - starts to execute an engine at any of its accesses, so that the access faults
 *
 * void enter_at(uintptr_t instruction, uintptr_t has_masks);
 *
 * Engines do not move the stack pointer, so the stack is as if the engine had been called. Every
 * register that can be part of an address is 1 << 63. Such a register alone, or with a small number
 * added, is not canonical. Two of them make an address in the first page. The masks of masked
 * accesses are full, if the processor has_masks of 64 bits (AVX512BW). Does not return.
 */
	.text
	.globl	enter_at
	.type	enter_at, @function
enter_at:
	.cfi_startproc
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	movq	%rdi, %r11
	testq	%rsi, %rsi
	jz	.Lno_masks
	kxnorq	%k1, %k1, %k1
	kxnorq	%k2, %k2, %k2
	kxnorq	%k3, %k3, %k3
.Lno_masks:
	movl	$1, %eax
	shlq	$63, %rax
	movq	%rax, %rcx
	movq	%rax, %rdx
	movq	%rax, %rsi
	movq	%rax, %rdi
	movq	%rax, %r8
	movq	%rax, %r9
	movq	%rax, %r10
	call	*%r11
	ud2
	.cfi_endproc
	.size	enter_at, . - enter_at

	.section .note.GNU-stack, "", @progbits
