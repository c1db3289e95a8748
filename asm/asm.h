/* SPDX-License-Identifier: BSD-3-Clause */
/* asm.h - functions, rows of the landing table, and facts of a fault, for every engine */
#ifndef MCSAFE_ASM_H
#define MCSAFE_ASM_H

#include "landing.h"

/* <cet.h> writes the IBT and SHSTK note of the object and defines _CET_ENDBR; without
 * -fcf-protection there is nothing to mark. */
#ifdef __CET__
#include <cet.h>
#else
#define _CET_ENDBR
#endif

/* A hidden function. 64: an entry begins on a cache line. */
.macro	func name
	.text
	.p2align 6
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
 * One struct mcsafe__row (src/extable.h). "o" links the section to .text: the rows live and die
 * with the code under --gc-sections, and the linker keeps them in the order of the code.
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
 * An access that may fault, and its row. Nothing else in an engine touches memory but note_fault.
 * One access in each; the row cannot drift away from it.
 */
#define LOAD(fixup, ...)  9999: __VA_ARGS__; extable 9999b, fixup, MCSAFE_ROW_LOAD
#define STORE(fixup, ...) 9999: __VA_ARGS__; extable 9999b, fixup, MCSAFE_ROW_STORE

/* In a fixup: store what the handler left in %r9 to %r11 into the caller's landing record. */
.macro	note_fault landing
	movq	%r9, MCSAFE_LANDING_ADDR(\landing)
	movq	%r10, MCSAFE_LANDING_IP(\landing)
	movq	%r11, MCSAFE_LANDING_FACTS(\landing)
.endm

	.section .note.GNU-stack, "", @progbits
	.text

#endif /* MCSAFE_ASM_H */
