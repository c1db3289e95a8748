/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * signal_entry.S - where the kernel enters our handler, where stacks change, and where threads die
 *
 *	void mcsafe__signal_entries(int signo, siginfo_t *si, void *ctx);
 *
 * There are MCSAFE_GENERATIONS entries, MCSAFE_ENTRY_SIZE bytes apart. They differ in the last
 * argument of mcsafe__on_signal() (src/handler/chain_history.h says why).
 *
 * Calls mcsafe__on_signal() (src/handler/signal.c) with the address of the signal frame, which
 * begins at the return address that is on the stack now. If mcsafe__on_signal() returns other than
 * 0, src/handler/frame.c has moved the frame to the interrupted stack. Then the entry jumps to the
 * previous handler, with %rsp at the moved return address, exactly as if the kernel had put the
 * frame there.
 *
 * The previous handler then returns into the same restorer. So the shadow stack, on which the
 * kernel has pushed the address of the restorer, stays in step. Nothing that is still needed is
 * left on the alternate stack, whose top the next signal with SA_ONSTACK will overwrite.
 *
 * Needs	x86-64
 * Clobbers	what a C function may
 */
#include "asm.h"
#include "layout.h"

/*
 * One entry. The first one has its alignment and its landing pad from "func".
 * In: \generation; the registers that the kernel sets
 * Out: goes to .Lcommon with %r9d = \generation
 * Changes: nothing else
 */
.macro	entry generation
	.if	\generation
	.balign	MCSAFE_ENTRY_SIZE
	_CET_ENDBR
	.endif
	movl	$\generation, %r9d
	jmp	.Lcommon
.endm

#if MCSAFE_GENERATIONS != 32
# error "an entry is missing below, or there is one too many"
#endif

	/* Each on a line of its own, so that a debugger shows which one it is. */
func mcsafe__signal_entries
	entry	0
	entry	1
	entry	2
	entry	3
	entry	4
	entry	5
	entry	6
	entry	7
	entry	8
	entry	9
	entry	10
	entry	11
	entry	12
	entry	13
	entry	14
	entry	15
	entry	16
	entry	17
	entry	18
	entry	19
	entry	20
	entry	21
	entry	22
	entry	23
	entry	24
	entry	25
	entry	26
	entry	27
	entry	28
	entry	29
	entry	30
	entry	31

.Lcommon:
	movq	%rsp, %rcx			/* the frame */
	pushfq
	.cfi_adjust_cfa_offset 8
	testl	$MCSAFE_FLAG_ALIGNMENT, (%rsp)
	jnz	.Lmisaligned
	leaq	8(%rsp), %rsp
	.cfi_adjust_cfa_offset -8
.Lenter:
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

	/*
	 * The kernel leaves the flag AC as the interrupted code had it. Compiled code is not made
	 * for that. sigreturn(2) sets the flag again.
	 */
.Lmisaligned:
	.cfi_adjust_cfa_offset 8
	andl	$~MCSAFE_FLAG_ALIGNMENT, (%rsp)
	popfq
	.cfi_adjust_cfa_offset -8
	jmp	.Lenter

.Lresume:
	.cfi_adjust_cfa_offset MCSAFE_RESUME_SIZE
	movl	MCSAFE_RESUME_SIGNO(%rsp), %edi
	movq	MCSAFE_RESUME_SI(%rsp), %rsi
	movq	MCSAFE_RESUME_CTX(%rsp), %rdx
	movq	MCSAFE_RESUME_HANDLER(%rsp), %rcx
	movq	MCSAFE_RESUME_FRAME(%rsp), %rsp
	.cfi_def_cfa_offset 8
	xorl	%eax, %eax			/* as from the kernel: no prototype needed */
	jmp	*%rcx
endfunc mcsafe__signal_entries

/*
 *	void mcsafe__raise_sigbus(void), mcsafe__raise_sigsegv(void);
 *
 * Raise a signal without a system call. sigreturn(2) comes here, with the signal blocked. Therefore
 * the kernel kills the process. To a debugger this is a frame that %r11 called.
 *
 * Needs	x86-64; mcsafe__raise_sigbus: the flag AC
 * Clobbers	the flags
 */
	/* A misaligned load raises #AC: SIGBUS, BUS_ADRALN. */
func mcsafe__raise_sigbus
	.cfi_signal_frame
	.cfi_def_cfa %rsp, 0
	.cfi_register %rip, %r11
	testl	%eax, mcsafe__raise_sigbus+1(%rip)
	ud2
endfunc mcsafe__raise_sigbus

	/* A privileged instruction raises #GP: SIGSEGV, SI_KERNEL. */
func mcsafe__raise_sigsegv
	.cfi_signal_frame
	.cfi_def_cfa %rsp, 0
	.cfi_register %rip, %r11
	hlt
	ud2
endfunc mcsafe__raise_sigsegv
