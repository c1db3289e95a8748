/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flush.h - the loop of every flush_*.S
 *
 * Writes back, upwards, every line that holds a byte of [addr, addr + n), and returns how many
 * bytes, counted from the end, lie in lines that were not written back; *landing is written only
 * if that is not 0. There is no fence inside: the caller orders the flushes with SFENCE.
 *
 * A flush is checked for faults as a load of its line (Intel SDM vol. 2, CLWB: "may cause
 * exceptions"), so memory that went away since it was written shows here.
 *
 * Clobbers	%rax, %r8 and the argument registers; %r9-%r11 on a fault
 *
 * On a fault	%rdi is the line that was not written back, so what is left is the end of the range
 *		less %rdi, or all of n in the first line.
 */
#include "asm.h"

#define line	%rdi		/* always a multiple of 64 after the start */
#define n	%rsi
#define landing	%rdx
#define end	%rax
#define start	%r8

.macro	flush_function name, insn
func \name
	testq	n, n
	jz	.Lout_\insn
	movq	line, start
	leaq	(line,n), end
	andq	$-64, line
.Lnext_\insn:
	cmpq	end, line
	jae	.Lout_\insn
	FLUSH(.Lfault_\insn, \insn, (line))
	addq	$64, line
	jmp	.Lnext_\insn
.Lout_\insn:
	xorl	%eax, %eax
	ret

	/* Invariant: every line below %rdi was written back, and that at %rdi was not. */
.Lfault_\insn:
	note_fault landing
	cmpq	start, line
	cmovbq	start, line
	subq	line, end
	ret
endfunc \name
.endm
