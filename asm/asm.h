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
 * One struct mcsafe_row (mcsafe/extable.h). "o" links the section to .text: the rows live and die
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
 * In a build with MCSAFE_DEBUG every access first asks src/copy/debug.c whether it shall fail. The
 * answer comes in the registers that the handler would have set; %r11 = 0 means go on. An access
 * therefore changes %r9 to %r11 and the flags in such a build, and engines keep nothing there, nor
 * anything in the red zone.
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

/* The same for an access of the 1 to 64 bytes behind the last whole 64 of \size, a register. */
.macro	debug_access_rest fixup, kind, size, mem:vararg
#ifdef MCSAFE_DEBUG
	leaq	\mem, %r9
	leal	-1(\size), %r11d
	leaq	9999f(%rip), %r10
	andl	$63, %r11d
	incl	%r11d
	orl	$(\kind << 16), %r11d
	call	mcsafe__debug_access
	testq	%r11, %r11
	jnz	\fixup
#endif
.endm

/*
 * An access that may fault, and its row, which cannot drift away from it: where it goes when it
 * faults, how many bytes it touches, mnemonic, register, and the memory operand. Nothing else in
 * an engine touches memory, but for note_fault.
 */
#define LOAD(fixup, size, insn, reg, ...)                                      \
	debug_access fixup, MCSAFE_ROW_LOAD, size, __VA_ARGS__;                \
	9999: insn __VA_ARGS__, reg; extable 9999b, fixup, MCSAFE_ROW_LOAD
#define STORE(fixup, size, insn, reg, ...)                                     \
	debug_access fixup, MCSAFE_ROW_STORE, size, __VA_ARGS__;               \
	9999: insn reg, __VA_ARGS__; extable 9999b, fixup, MCSAFE_ROW_STORE
/* A store with the mask in %k1: of the 1 to 64 bytes behind the last whole 64 of \size. */
#define STORE_MASKED(fixup, size, insn, reg, ...)                              \
	debug_access_rest fixup, MCSAFE_ROW_STORE, size, __VA_ARGS__;          \
	9999: insn reg, __VA_ARGS__{%k1}; extable 9999b, fixup, MCSAFE_ROW_STORE
/* Load and store at once: REP MOVS. The checks of MCSAFE_DEBUG cannot see what it touches. */
#define MOVE(fixup, insn)                                                      \
	9999: insn; extable 9999b, fixup, MCSAFE_ROW_BOTH
/* Write a cache line back. It has no register, and faults as a store would. */
#define FLUSH(fixup, insn, ...)                                                \
	debug_access fixup, MCSAFE_ROW_STORE, 1, __VA_ARGS__;                  \
	9999: insn __VA_ARGS__; extable 9999b, fixup, MCSAFE_ROW_STORE

/* In a fixup: store what the handler left in %r9 to %r11 into the caller's landing record, if there
 * is one. Changes the flags. */
.macro	note_fault landing
	testq	\landing, \landing
	jz	.Lno_record_\@
	movq	%r9, MCSAFE_LANDING_ADDR(\landing)
	movq	%r10, MCSAFE_LANDING_IP(\landing)
	movq	%r11, MCSAFE_LANDING_FACTS(\landing)
.Lno_record_\@:
.endm

	.section .note.GNU-stack, "", @progbits
	.text

#endif /* MCSAFE_ASM_H */
