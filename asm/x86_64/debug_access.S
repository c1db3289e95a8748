/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * debug_access.S - from an access of an engine to C and back; only in builds with MCSAFE_DEBUG
 *
 * Not a function of the C ABI.
 * In: %r9, the address; %r10, the instruction; %r11d = kind << 16 | size
 * Out: %r11 = 0 if the access goes on; else %r11 is the facts of a fault (landing.h), and %r9 its
 *	address
 * Changes: %r9, %r11, flags. Vector registers are kept because debug.c is compiled to use general
 *	registers only.
 *
 * The engines are leaf functions that do not move the stack pointer. So it is a multiple of 16 at
 * the first instruction here. They may keep data in the red zone, the 128 bytes below it. The call
 * has written over the last 8 of these bytes, and the others are left alone.
 */
#include "asm.h"

#define RED_ZONE 128

func mcsafe__debug_access
	subq	$RED_ZONE, %rsp
	.cfi_adjust_cfa_offset RED_ZONE
	pushq	%rax
	.cfi_adjust_cfa_offset 8
	pushq	%rcx
	.cfi_adjust_cfa_offset 8
	pushq	%rdx
	.cfi_adjust_cfa_offset 8
	pushq	%rsi
	.cfi_adjust_cfa_offset 8
	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	pushq	%r8
	.cfi_adjust_cfa_offset 8
	pushq	%r10
	.cfi_adjust_cfa_offset 8
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8

	movq	%r9, %rdi
	movq	%r10, %rsi
	movl	%r11d, %edx
	call	mcsafe__debug_check		/* %rax facts, %rdx address */
	movq	%rax, %r11
	movq	%rdx, %r9

	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%r10
	.cfi_adjust_cfa_offset -8
	popq	%r8
	.cfi_adjust_cfa_offset -8
	popq	%rdi
	.cfi_adjust_cfa_offset -8
	popq	%rsi
	.cfi_adjust_cfa_offset -8
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	popq	%rax
	.cfi_adjust_cfa_offset -8
	addq	$RED_ZONE, %rsp
	.cfi_adjust_cfa_offset -RED_ZONE
	ret
endfunc mcsafe__debug_access
