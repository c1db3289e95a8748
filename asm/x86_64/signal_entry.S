/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * signal_entry.S - where the kernel enters our handler, and the one place that changes stacks
 *
 *	void mcsafe__signal_entries(int signo, siginfo_t *si, void *ctx);
 *
 * Not one entry but MCSAFE_GENERATIONS of them, MCSAFE_ENTRY_SIZE bytes apart, which differ in the
 * last argument of mcsafe__on_signal() (src/handler/chain.c says why).
 *
 * Calls mcsafe__on_signal() (src/handler/signal.c) with the address of the signal frame, which
 * begins at the return address that is on the stack now. When that asks for it, goes on in the
 * previous handler on the frame that src/handler/frame.c has moved to the interrupted stack: by a
 * jump, with %rsp at the moved return address, exactly as if the kernel had put the frame there.
 *
 * The previous handler then returns into the same restorer, so the shadow stack, on which the
 * kernel has pushed that address, stays in step; and nothing that is still needed is left on the
 * alternate stack, whose top the next signal with SA_ONSTACK will overwrite.
 *
 * Needs	x86-64
 * Clobbers	what a C function may
 */
#include "asm.h"
#include "layout.h"

	.altmacro			/* "%generation" is its value */

.macro	entry generation
	.if	\generation
	.p2align 4			/* MCSAFE_ENTRY_SIZE; the first one is aligned already */
	_CET_ENDBR
	.endif
	movl	$\generation, %r9d
	jmp	.Lcommon
.endm

func mcsafe__signal_entries
	.set	generation, 0
	.rept	MCSAFE_GENERATIONS
	entry	%generation
	.set	generation, generation + 1
	.endr

.Lcommon:
	movq	%rsp, %rcx			/* the frame */
	subq	$MCSAFE_RESUME_SIZE, %rsp
	.cfi_adjust_cfa_offset MCSAFE_RESUME_SIZE
	movl	%edi, MCSAFE_RESUME_SIGNO(%rsp)
	movq	%rsp, %r8			/* struct mcsafe__resume */
	call	mcsafe__on_signal
	testl	%eax, %eax
	jnz	.Lresume
	addq	$MCSAFE_RESUME_SIZE, %rsp
	.cfi_adjust_cfa_offset -MCSAFE_RESUME_SIZE
	ret

.Lresume:
	.cfi_adjust_cfa_offset MCSAFE_RESUME_SIZE
	movl	MCSAFE_RESUME_SIGNO(%rsp), %edi
	movq	MCSAFE_RESUME_SI(%rsp), %rsi
	movq	MCSAFE_RESUME_CTX(%rsp), %rdx
	movq	MCSAFE_RESUME_HANDLER(%rsp), %rcx
	movq	MCSAFE_RESUME_FRAME(%rsp), %rsp
	.cfi_def_cfa_offset 8
	xorl	%eax, %eax			/* as the kernel: for handlers without a prototype */
	jmp	*%rcx
endfunc mcsafe__signal_entries
