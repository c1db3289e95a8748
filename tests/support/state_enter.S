/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * state_enter.S - call a function between setting registers up and looking at them
 *
 *	void t_state_enter(struct t_state *state);
 *
 * Calls state->fn with state->args. After the call no register is trusted, not even %rsp: the state
 * is found through the thread's t_state_current.
 *
 * Needs	x86-64; AVX and XGETBV with ECX = 1 if *state says that they are there
 */
#include "state.h"

#define REG_AFTER(i)   (T_STATE_REGS_AFTER + 8 * (i))
#define STACK_AFTER(i) (T_STATE_STACK_AFTER + 8 * (i))
#define ARG(i)         (T_STATE_ARGS + 8 * (i))

.macro	push_kept reg
	pushq	\reg
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \reg, 0
.endm

.macro	pop_kept reg
	popq	\reg
	.cfi_adjust_cfa_offset -8
	.cfi_restore \reg
.endm

.macro	plant_on_stack i
	movabsq	$T_STATE_CANARY + 6 + \i, %rax
	movq	%rax, 8 * \i(%rsp)
.endm

.macro	fetch_from_stack i
	movq	8 * \i(%rsp), %rdx
	movq	%rdx, STACK_AFTER(\i)(%rsi)
.endm

	.section .note.GNU-stack, "", @progbits
	.text
	.p2align 4
	.globl	t_state_enter
	.hidden	t_state_enter
	.type	t_state_enter, @function
t_state_enter:
	.cfi_startproc
	endbr64
	push_kept %rbx
	push_kept %rbp
	push_kept %r12
	push_kept %r13
	push_kept %r14
	push_kept %r15
	/* 4 words for canaries, 1 to align the call to 16. */
	subq	$40, %rsp
	.cfi_adjust_cfa_offset 40
	plant_on_stack 0
	plant_on_stack 1
	plant_on_stack 2
	plant_on_stack 3

	movq	t_state_current@gottpoff(%rip), %rax
	movq	%rdi, %fs:(%rax)
	movq	%rsp, T_STATE_RSP_BEFORE(%rdi)
	stmxcsr	T_STATE_MXCSR_SAVED(%rdi)
	fnstcw	T_STATE_FPUCW_SAVED(%rdi)
	pushq	$T_STATE_MXCSR
	ldmxcsr	(%rsp)
	movl	$T_STATE_FPUCW, (%rsp)
	fldcw	(%rsp)
	leaq	8(%rsp), %rsp
	cmpl	$0, T_STATE_HAS_AVX(%rdi)
	je	.Lclean
	vzeroupper
.Lclean:

	movq	%rdi, %r11
	movq	ARG(0)(%r11), %rdi
	movq	ARG(1)(%r11), %rsi
	movq	ARG(2)(%r11), %rdx
	movq	ARG(3)(%r11), %rcx
	movq	ARG(4)(%r11), %r8
	movabsq	$T_STATE_CANARY + 0, %rbx
	movabsq	$T_STATE_CANARY + 1, %rbp
	movabsq	$T_STATE_CANARY + 2, %r12
	movabsq	$T_STATE_CANARY + 3, %r13
	movabsq	$T_STATE_CANARY + 4, %r14
	movabsq	$T_STATE_CANARY + 5, %r15
	pushfq
	movq	T_STATE_FLAGS_SET(%r11), %rax
	orq	%rax, (%rsp)
	popfq
	/* What a callee may not rely on: garbage. */
	movabsq	$0xdeadbeefdeadbee1, %rax
	movabsq	$0xdeadbeefdeadbee3, %r9
	movabsq	$0xdeadbeefdeadbee4, %r10
	call	*T_STATE_FN(%r11)

	movq	t_state_current@gottpoff(%rip), %rcx
	movq	%fs:(%rcx), %rsi
	movq	%rsp, T_STATE_RSP_AFTER(%rsi)
	movq	T_STATE_RSP_BEFORE(%rsi), %rsp
	pushfq
	popq	T_STATE_FLAGS_AFTER(%rsi)
	pushfq
	andq	$~(T_STATE_FLAG_DF | T_STATE_FLAG_AC), (%rsp)
	popfq
	movq	%rax, T_STATE_RESULT(%rsi)
	movq	%rbx, REG_AFTER(0)(%rsi)
	movq	%rbp, REG_AFTER(1)(%rsi)
	movq	%r12, REG_AFTER(2)(%rsi)
	movq	%r13, REG_AFTER(3)(%rsi)
	movq	%r14, REG_AFTER(4)(%rsi)
	movq	%r15, REG_AFTER(5)(%rsi)
	fetch_from_stack 0
	fetch_from_stack 1
	fetch_from_stack 2
	fetch_from_stack 3
	stmxcsr	T_STATE_MXCSR_AFTER(%rsi)
	ldmxcsr	T_STATE_MXCSR_SAVED(%rsi)
	fnstcw	T_STATE_FPUCW_AFTER(%rsi)
	fldcw	T_STATE_FPUCW_SAVED(%rsi)
	cmpl	$0, T_STATE_HAS_XINUSE(%rsi)
	je	.Lback
	movl	$1, %ecx
	xgetbv
	movl	%eax, T_STATE_XINUSE_AFTER(%rsi)
.Lback:
	addq	$40, %rsp
	.cfi_adjust_cfa_offset -40
	pop_kept %r15
	pop_kept %r14
	pop_kept %r13
	pop_kept %r12
	pop_kept %rbp
	pop_kept %rbx
	ret
	.cfi_endproc
	.size	t_state_enter, . - t_state_enter
