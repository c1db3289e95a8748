/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_erms.S - copy with one instruction
 *
 *	size_t mcsafe__copy_erms(void *dst, const void *src, size_t n,
 *				 struct mcsafe_fault *fault);
 *
 * Copies n bytes upwards and returns how many were not copied. *fault is written only if that is
 * not 0. The processor chooses how it loads, so the rule that no load crosses a line does not hold
 * here. Therefore route.c never takes this function on processors whose fast strings can consume
 * poison in the line after the operand (Intel family 6 model 85). It does not take it in builds
 * with MCSAFE_DEBUG either, where an access must be visible.
 *
 * Needs	ERMS to be worth it (CPUID leaf 7, EBX bit 9); runs on every x86-64
 * Clobbers	%rax and the argument registers; %r8-%r11 on a fault
 *
 * Trace	n = 100, src % 64 = 13: one REP MOVSB with %rcx = 100; returns 0
 *
 * On a fault	REP MOVSB is restartable: at a fault %rcx is the number of bytes that are left, and
 *		%rsi and %rdi are at the byte that failed (Intel SDM vol. 2, REP). The handler knows
 *		from the error code whether the source or the destination failed.
 */
#include "asm.h"

#define record	%r8

func mcsafe__copy_erms
	movq	%rcx, record
	movq	%rdx, %rcx
	MOVE(.Lfault, rep movsb)
	xorl	%eax, %eax
	ret

	/* Invariant: %rcx bytes are left, from %rsi to %rdi. */
.Lfault:
	movq	%rcx, %rax
	movq	record, %rcx
	stop_at_fault
endfunc mcsafe__copy_erms
