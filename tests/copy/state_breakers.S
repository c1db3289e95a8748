/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * state_breakers.S - functions that each change one thing that they must keep
 *
 *	uint64_t break_NAME(void);
 *
 * For test_state_selftest.c: a checker that accepts one of them would accept a broken engine.
 */

.macro	breaker name
	.globl	break_\name
	.hidden	break_\name
	.type	break_\name, @function
break_\name:
	.cfi_startproc
	endbr64
.endm

.macro	endbreaker name
	.cfi_endproc
	.size	break_\name, . - break_\name
.endm

.macro	break_register reg
	breaker	\reg
	notq	%\reg
	ret
	endbreaker \reg
.endm

	.section .note.GNU-stack, "", @progbits
	.text

	/* Keeps everything that it must and changes everything that it may. */
	breaker nothing
	notq	%rax
	notq	%rcx
	notq	%rdx
	notq	%rsi
	notq	%rdi
	notq	%r8
	notq	%r9
	notq	%r10
	notq	%r11
	movq	%rax, %xmm0
	movq	%rax, -8(%rsp)
	xorl	%eax, %eax
	ret
	endbreaker nothing

	break_register rbx
	break_register rbp
	break_register r12
	break_register r13
	break_register r14
	break_register r15

	/* Returns with the stack 8 bytes higher than it must be. */
	breaker rsp
	ret	$8
	endbreaker rsp

	/* Writes to the word above its return address, and to the last one that is watched. */
	breaker stack_nearest
	notq	8(%rsp)
	ret
	endbreaker stack_nearest

	breaker stack_farthest
	notq	32(%rsp)
	ret
	endbreaker stack_farthest

	breaker direction_flag
	std
	ret
	endbreaker direction_flag

	/* Sets the default. A callee might think that this is harmless. */
	breaker mxcsr
	movl	$0x1f80, -8(%rsp)
	ldmxcsr	-8(%rsp)
	ret
	endbreaker mxcsr

	breaker x87_control
	fninit
	ret
	endbreaker x87_control

	breaker upper_ymm
	vpcmpeqd %ymm0, %ymm0, %ymm0
	ret
	endbreaker upper_ymm
