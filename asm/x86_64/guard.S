/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guard.S - arm a guard, disarm it, and continue after it when a fault was caught
 *
 *	int mcsafe_guard_enter(struct mcsafe_guard *guard);
 *	void mcsafe_guard_disarm(struct mcsafe_guard *guard);
 *
 * mcsafe_guard_enter() saves the registers that a function keeps for its caller, puts the guard on
 * the thread's chain and returns 0. After a fault the handler (src/guard/claim.c) writes the saved
 * registers into the interrupted context and returns. So the signal is over when
 * mcsafe__guard_land begins: its mask and its alternate stack are left. mcsafe__guard_land clears
 * what the fault has left in other registers. Then mcsafe_guard_enter() returns a second time,
 * with 1. The handler calls no longjmp, which would keep the mask and the frame of the signal.
 *
 * MXCSR and the x87 control word are not saved: STMXCSR alone costs more than all the rest on some
 * processors. sigreturn(2) restores those that the faulting instruction had. A longjmp in the
 * signal would keep the kernel's defaults.
 *
 * A branch finds out whether a guard is the outermost. So arming a guard does not wait for the
 * store that has disarmed the guard before it.
 *
 * A guard also holds the address of the pointer to the thread's innermost guard. With it,
 * mcsafe_guard_leave_() of guard.h disarms the innermost guard without a call. A second call would
 * cost as much as the rest. mcsafe_guard_disarm() is for all other cases.
 *
 * The chain is changed by one store. This store is the last when arming, and the first when
 * disarming. So a signal handler between any two instructions may use guards of its own.
 *
 * An armed guard holds its own address XOR that of its outer guard in MCSAFE_GUARD_ARMED. A body
 * that was left without disarming (longjmp(3), the end of a child of vfork(2)) leaves its guard on
 * the chain, in a frame that other functions use again. So whoever follows the chain stops at a
 * guard that does not hold this word. A guard that is armed while it is still on the chain is taken
 * off first: no guard can be on the chain twice, and the chain is never a ring.
 *
 * The functions are in assembly, so that a compiler cannot move an access of the guarded code into
 * them or past them, even when it optimizes the whole program.
 *
 * Needs	x86-64; works with and without shadow stacks and AVX
 * Clobbers	%rax, %rcx, %rdx, %r8, flags
 */
#include "asm.h"
#include "layout.h"

/*
 * A function that programs call; "endfunc" ends it. Its entry begins a cache line.
 * In: \name
 * Out: the symbol, CFI and the landing pad of the function
 * Changes: nothing
 */
.macro	public_func name
	.text
	.p2align 6
	.globl	\name
	.type	\name, @function
\name:
	.cfi_startproc
	_CET_ENDBR
.endm

public_func mcsafe_guard_enter
	movq	(%rsp), %rax
	leaq	8(%rsp), %rcx			/* %rsp after the return */
	movq	%rax, MCSAFE_GUARD_RIP(%rdi)
	movq	%rcx, MCSAFE_GUARD_RSP(%rdi)
	movq	%rbx, MCSAFE_GUARD_RBX(%rdi)
	movq	%rbp, MCSAFE_GUARD_RBP(%rdi)
	movq	%r12, MCSAFE_GUARD_R12(%rdi)
	movq	%r13, MCSAFE_GUARD_R13(%rdi)
	movq	%r14, MCSAFE_GUARD_R14(%rdi)
	movq	%r15, MCSAFE_GUARD_R15(%rdi)
	xorl	%eax, %eax
	rdsspq	%rax				/* leaves 0 where shadow stacks are off */
	movq	%rax, MCSAFE_GUARD_SSP(%rdi)

	cmpq	$0, mcsafe__guard_hook(%rip)
	je	.Lhook
.Lhooked:
	movq	mcsafe__guard_top@gottpoff(%rip), %rcx
	addq	%fs:0, %rcx			/* the thread's own address is at %fs:0 */
	movq	(%rcx), %rax
	movq	%rcx, MCSAFE_GUARD_TOP(%rdi)
	testq	%rax, %rax
	jnz	.Lnested
	movq	$0, MCSAFE_GUARD_OUTER(%rdi)
	movq	%rdi, MCSAFE_GUARD_ARMED(%rdi)
.Larm:
	movq	%rdi, (%rcx)
	xorl	%eax, %eax
	ret

.Lnested:
	movq	%rax, %rdx
.Lis_on_chain:
	cmpq	%rdi, %rdx
	je	.Lleft
	movq	MCSAFE_GUARD_ARMED(%rdx), %r8
	xorq	%rdx, %r8
	movq	MCSAFE_GUARD_OUTER(%rdx), %rdx
	cmpq	%rdx, %r8
	jne	.Lpush
	testq	%rdx, %rdx
	jnz	.Lis_on_chain
.Lpush:
	movq	%rax, MCSAFE_GUARD_OUTER(%rdi)
	xorq	%rdi, %rax
	movq	%rax, MCSAFE_GUARD_ARMED(%rdi)
	jmp	.Larm

.Lleft:
	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	call	mcsafe__guard_was_left		/* returns the top of the chain */
	popq	%rdi
	.cfi_adjust_cfa_offset -8
	movq	MCSAFE_GUARD_TOP(%rdi), %rcx
	jmp	.Lpush

.Lhook:
	leaq	mcsafe__guard_claim(%rip), %rax
	movq	%rax, mcsafe__guard_hook(%rip)
	jmp	.Lhooked
endfunc mcsafe_guard_enter

public_func mcsafe_guard_disarm
	movq	MCSAFE_GUARD_OUTER(%rdi), %rdx
	movq	MCSAFE_GUARD_ARMED(%rdi), %r8
	xorq	%rdi, %r8
	cmpq	%rdx, %r8
	jne	.Lnot_armed
	movq	mcsafe__guard_top@gottpoff(%rip), %rcx
	movq	%fs:(%rcx), %rax
	movq	%rdx, %fs:(%rcx)

	/*
	 * Disarm the guards that were armed after this one. Otherwise a guard that is disarmed
	 * later could put one of them, or a guard around one, on the chain again.
	 */
.Ldisarm:
	cmpq	%rdi, %rax
	je	.Ldisarmed
	testq	%rax, %rax
	jz	.Ldisarmed
	movq	MCSAFE_GUARD_OUTER(%rax), %rdx
	movq	MCSAFE_GUARD_ARMED(%rax), %r8
	xorq	%rax, %r8
	cmpq	%rdx, %r8
	jne	.Ldisarmed
	movq	$0, MCSAFE_GUARD_ARMED(%rax)
	movq	%rdx, %rax
	jmp	.Ldisarm
.Ldisarmed:
	movq	$0, MCSAFE_GUARD_ARMED(%rdi)
.Lnot_armed:
	ret
endfunc mcsafe_guard_disarm

func mcsafe__guard_land
	.cfi_def_cfa %rsp, 0			/* enter has already returned */
	/* DW_CFA_expression: %rip is saved at DW_OP_breg5 (%rdi) + MCSAFE_GUARD_RIP. */
	.cfi_escape 0x10, 0x10, 0x03, 0x75, (MCSAFE_GUARD_RIP & 0x7f) | 0x80, MCSAFE_GUARD_RIP >> 7
	testl	%esi, %esi
	jz	.Lhalves_clear
	vzeroupper
.Lhalves_clear:
	emms					/* the guarded code may have filled the x87 stack */

	/*
	 * sigreturn(2) has restored the shadow stack of the fault. Drop the entries of the calls
	 * that were made after mcsafe_guard_enter().
	 */
	movq	MCSAFE_GUARD_SSP(%rdi), %rcx
	testq	%rcx, %rcx
	jz	.Ldropped
	xorl	%eax, %eax
	rdsspq	%rax
	addq	$8, %rcx			/* and the return address of enter */
	subq	%rax, %rcx
	jbe	.Ldropped
	shrq	$3, %rcx			/* entries */
.Ldrop:
	movl	$255, %eax			/* INCSSP takes 8 bits */
	cmpq	%rax, %rcx
	cmovb	%rcx, %rax
	incsspq	%rax
	subq	%rax, %rcx
	ja	.Ldrop
.Ldropped:
	movl	$1, %eax
	notrack jmp	*MCSAFE_GUARD_RIP(%rdi)
endfunc mcsafe__guard_land
