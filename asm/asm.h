/* SPDX-License-Identifier: BSD-3-Clause */
/* asm.h - functions, rows of the landing table, and facts of a fault, for every engine */
#ifndef MCSAFE_ASM_H
#define MCSAFE_ASM_H

#include <mcsafe/extable.h>

#include "layout.h"

/* <cet.h> writes the IBT and SHSTK note of the object and defines _CET_ENDBR; without
 * -fcf-protection there is nothing to mark. */
#ifdef __CET__
#include <cet.h>
#else
#define _CET_ENDBR
#endif

/*
 * A hidden function; "endfunc" ends it. It begins a cache line of 64 bytes, or, with \align = 0,
 * where the entry before it ends.
 */
.macro	func name, align=6
	.text
	.p2align \align
	.globl	\name
	.hidden	\name
	.type	\name, @function
\name:
	.cfi_startproc
	_CET_ENDBR
.endm

.macro	endfunc name
	.cfi_endproc
	.size	\name, . - \name
.endm

/*
 * The beginning of a function that goes on as the routine of an engine, which follows without a
 * jump: in a short fill or scan a jump would show. "endfront" ends the beginning. It touches
 * only the limits below. MemorySanitizer must be told what assembly writes, so in its builds the
 * public functions are C, and there are no fronts.
 */
.macro	front name, align=6
	.text
	.p2align \align
	.globl	\name
	.type	\name, @function
\name:
	.cfi_startproc
	_CET_ENDBR
.endm

/*
 * Go on to the routine if \n is below its limit, which is 0 if the engine in use has another one
 * (src/copy/route.h). Otherwise go to \otherwise, with all arguments as they were.
 * Changes: flags
 */
.macro	enter_if_below index, n, otherwise
	.hidden	mcsafe__entry_below
	cmpq	mcsafe__entry_below+8*\index(%rip), \n
	jae	\otherwise
.endm

.macro	endfront name
	.cfi_endproc
	.size	\name, . - \name
.endm

/*
 * One struct mcsafe_row (mcsafe/extable.h). "o" links the section to .text: --gc-sections drops
 * the rows together with the code, and the linker keeps them in the order of the code.
 */
.macro	extable insn, fixup, kind
	.pushsection mcsafe_extable, "ao", @progbits, .text
	.balign	4
	.long	\insn - .
	.long	\fixup - .
	.long	\kind
	.popsection
.endm

/*
 * In a build with MCSAFE_DEBUG every access first asks src/copy/debug.c whether it must fail. The
 * answer comes in the registers that the handler would have set; %r11 = 0 means that the access
 * goes on. Therefore an access changes %r9 to %r11 and the flags in such a build, and the last 8
 * bytes of the red zone, by the call. Engines keep nothing there across an access.
 */
.macro	debug_access fixup, kind, size, mem:vararg
#ifdef MCSAFE_DEBUG
	leaq	\mem, %r9
	leaq	9999f(%rip), %r10
	movl	$(\kind << 16 | \size), %r11d
	call	mcsafe__debug_access
	testq	%r11, %r11
	jnz	\fixup
#endif
.endm

/*
 * The same for the last access of a copy of \size bytes, 64 at a time: it has 1 to 64 bytes. \size
 * is a register. If it is 0, there is no access.
 */
.macro	debug_access_rest fixup, kind, size, mem:vararg
#ifdef MCSAFE_DEBUG
	testl	\size, \size
	jz	.Lno_access_\@
	leaq	\mem, %r9
	leal	-1(\size), %r11d
	leaq	9999f(%rip), %r10
	andl	$63, %r11d
	incl	%r11d
	orl	$(\kind << 16), %r11d
	call	mcsafe__debug_access
	testq	%r11, %r11
	jnz	\fixup
.Lno_access_\@:
#endif
.endm

/*
 * The same for a store with a mask, whose bits stand side by side. A store whose mask is empty is
 * not asked about.
 */
.macro	debug_access_by_mask fixup, mask, mem:vararg
#ifdef MCSAFE_DEBUG
	kmovq	\mask, %r10
	testq	%r10, %r10
	jz	9999f
	bsfq	%r10, %r11
	leaq	\mem, %r9
	addq	%r11, %r9
	bsrq	%r10, %r10
	subl	%r10d, %r11d
	subl	$(MCSAFE_ROW_STORE << 16 | 1), %r11d
	negl	%r11d				/* the kind, and the number of bits */
	leaq	9999f(%rip), %r10
	call	mcsafe__debug_access
	testq	%r11, %r11
	jnz	\fixup
#endif
.endm

/*
 * The same for a store that goes to the scratch of the function if \index is \nowhere. Such a store
 * is none of the copy's, so it is not asked about.
 */
.macro	debug_access_unless nowhere, fixup, size, at, base, index
#ifdef MCSAFE_DEBUG
	cmpq	\nowhere, \index
	je	9999f
	debug_access \fixup, MCSAFE_ROW_STORE, \size, \at(\base,\index)
#endif
.endm

/*
 * In a build with MCSAFE_DEBUG, return 0 here if \left is 0. Other builds go on, and read a
 * constant in place of the operand. A check of MCSAFE_DEBUG would take that for the operand.
 */
.macro	debug_done_if_0 left
#ifdef MCSAFE_DEBUG
	movq	\left, %rax
	testq	%rax, %rax
	jnz	9998f
	ret
9998:
#endif
.endm

/*
 * An access that may fault, together with its row, so that neither can change without the other:
 * the label to go to when it faults, the number of bytes that it touches, mnemonic, register, and
 * memory operand. Besides these, an engine touches only constants and its red zone.
 */
#define LOAD(fixup, size, insn, reg, ...)                                      \
	debug_access fixup, MCSAFE_ROW_LOAD, size, __VA_ARGS__;                \
	9999: insn __VA_ARGS__, reg; extable 9999b, fixup, MCSAFE_ROW_LOAD
#define STORE(fixup, size, insn, reg, ...)                                     \
	debug_access fixup, MCSAFE_ROW_STORE, size, __VA_ARGS__;               \
	9999: insn reg, __VA_ARGS__; extable 9999b, fixup, MCSAFE_ROW_STORE
/* A store with the mask in %k1: the last one of a copy of \size bytes, 64 at a time. */
#define STORE_MASKED(fixup, size, insn, reg, ...)                              \
	debug_access_rest fixup, MCSAFE_ROW_STORE, size, __VA_ARGS__;          \
	9999: insn reg, __VA_ARGS__{%k1}; extable 9999b, fixup, MCSAFE_ROW_STORE
/* A store with any mask of bytes that stand side by side. */
#define STORE_BY_MASK(fixup, mask, insn, reg, ...)                             \
	debug_access_by_mask fixup, mask, __VA_ARGS__;                         \
	9999: insn reg, __VA_ARGS__{mask}; extable 9999b, fixup, MCSAFE_ROW_STORE
/* A store to at(base,index), or to the scratch of the function if index is nowhere. */
#define STORE_UNLESS(nowhere, fixup, size, insn, reg, at, base, index)         \
	debug_access_unless nowhere, fixup, size, at, base, index;             \
	9999: insn reg, at(base,index); extable 9999b, fixup, MCSAFE_ROW_STORE
/* A load and a store at once: REP MOVS. The checks of MCSAFE_DEBUG cannot see its accesses. */
#define MOVE(fixup, insn)                                                      \
	9999: insn; extable 9999b, fixup, MCSAFE_ROW_BOTH
/* A store of %rcx bytes: REP STOS. The checks of MCSAFE_DEBUG cannot see its accesses. */
#define STORE_STRING(fixup, insn)                                              \
	9999: insn; extable 9999b, fixup, MCSAFE_ROW_STORE
/* Write a cache line back. It has no register, and its row is the row of a store. */
#define FLUSH(fixup, insn, ...)                                                \
	debug_access fixup, MCSAFE_ROW_STORE, 1, __VA_ARGS__;                  \
	9999: insn __VA_ARGS__; extable 9999b, fixup, MCSAFE_ROW_STORE

/*
 * The end of a function that a fault has stopped: writes the caller's record, if there is one, and
 * returns. So a record costs nothing before a fault. stop.S has the code. A function that has done
 * everything after all returns without this, and leaves the record as it is.
 * In: %rax, and %rdx if it is used	what the function returns
 *     %rcx	the caller's struct mcsafe_fault, or 0 if there is none
 *     %rsi	after a load: the first byte of the operand that could not be read
 *     %rdi	after a store: the first byte of the operand that could not be written
 *     %r9 to %r11	as the handler left them
 *     The stack and the upper vector halves, as at a return.
 * Out: returns from the function
 */
.macro	stop_at_fault
	jmp	mcsafe__stop
.endm

/*
 * The same after a load, for a function that returns an enum mcsafe_cause: it returns why the load
 * failed. Of the registers above, %rax and %rdi mean nothing.
 */
.macro	stop_with_cause
	jmp	mcsafe__stop_with_cause
.endm

/*
 * For a fixup that stores bytes and then stops at the fault that led to it: an access may change
 * %r9 to %r11. They are kept in vector registers, by \insn: movq or vmovq.
 */
.macro	keep_fault insn, addr, ip, facts
	\insn	%r9, \addr
	\insn	%r10, \ip
	\insn	%r11, \facts
.endm
.macro	kept_fault insn, addr, ip, facts
	\insn	\addr, %r9
	\insn	\ip, %r10
	\insn	\facts, %r11
.endm

	.section .note.GNU-stack, "", @progbits
	.text

#endif /* MCSAFE_ASM_H */
