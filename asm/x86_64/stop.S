/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stop.S - the common end of all functions that a fault has stopped
 *
 * mcsafe__stop	writes the caller's fault record and returns from the function that jumped here;
 *		"stop_at_fault" (asm.h) says what the registers hold.
 * mcsafe__stop_with_cause	the same after a load ("stop_with_cause"), and returns the cause
 *
 * Both make a struct mcsafe__landing of %r9 to %r11 on the stack, and pass it to C.
 *
 * Clobbers	what a call of a C function may change; mcsafe__stop keeps %rax and %rdx
 */
#include "asm.h"

func mcsafe__stop
	testq	%rcx, %rcx
	jz	.Lout
	pushq	%rax
	.cfi_adjust_cfa_offset 8
	pushq	%rdx
	.cfi_adjust_cfa_offset 8
	pushq	%r11				/* struct mcsafe__landing, from its end */
	.cfi_adjust_cfa_offset 8
	pushq	%r10
	.cfi_adjust_cfa_offset 8
	pushq	%r9
	.cfi_adjust_cfa_offset 8
	testl	$MCSAFE_ROW_STORE << 16, %r11d
	cmovzq	%rsi, %rdi
	movq	%rdi, %rdx			/* the operand */
	movq	%rsp, %rsi
	movq	%rcx, %rdi
	call	mcsafe__fault_from_landing	/* the stack is a multiple of 16 */
	addq	$MCSAFE_LANDING_SIZE, %rsp
	.cfi_adjust_cfa_offset -MCSAFE_LANDING_SIZE
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	popq	%rax
	.cfi_adjust_cfa_offset -8
.Lout:
	ret
endfunc mcsafe__stop

func mcsafe__stop_with_cause
	pushq	%r11				/* struct mcsafe__landing, from its end */
	.cfi_adjust_cfa_offset 8
	pushq	%r10
	.cfi_adjust_cfa_offset 8
	pushq	%r9
	.cfi_adjust_cfa_offset 8
	movq	%rsi, %rdx			/* the operand */
	movq	%rsp, %rsi
	movq	%rcx, %rdi
	call	mcsafe__cause_from_landing	/* the stack is a multiple of 16 */
	addq	$MCSAFE_LANDING_SIZE, %rsp
	.cfi_adjust_cfa_offset -MCSAFE_LANDING_SIZE
	ret
endfunc mcsafe__stop_with_cause
