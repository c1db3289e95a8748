/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * access.S - single words, for callers without the inline functions of mcsafe/access.h
 *
 *	uint64_t mcsafe__load_SIZE(const void *p, struct mcsafe__landing *landing);
 *	uint64_t mcsafe__store_SIZE(void *p, uint64_t value, struct mcsafe__landing *landing);
 *	uint64_t mcsafe__xchg_SIZE(void *p, uint64_t value, struct mcsafe__landing *landing);
 *	uint64_t mcsafe__cmpxchg_SIZE(void *p, uint64_t value, struct mcsafe__landing *landing,
 *				      uint64_t expected);
 *
 * SIZE is 1, 2, 4 or 8 bytes. Each is one access, and returns the word that was in memory before,
 * with its upper bytes 0 (store: nothing). *landing is written only if it fails, and then the
 * result means nothing. An exchange needs memory that can be written, so its row is one of a store.
 *
 * Needs	x86-64
 * Clobbers	%rax, %rsi; %r9-%r11 on a fault
 */
#include "asm.h"

#define p		%rdi
#define landing		%rdx
#define expected	%rcx

/* Of the size: the suffix, and the parts of the registers. */
.macro	accesses size, suffix, extend, ax, si
func mcsafe__load_\size
	LOAD(.Lfault_load_\size, \size, \extend, \ax, (p))
	ret
.Lfault_load_\size:
	note_fault %rsi
	ret
endfunc mcsafe__load_\size

func mcsafe__store_\size
	STORE(.Lfault_store_\size, \size, mov\suffix, \si, (p))
	ret
.Lfault_store_\size:
	note_fault landing
	ret
endfunc mcsafe__store_\size

func mcsafe__xchg_\size
	STORE(.Lfault_xchg_\size, \size, xchg\suffix, \si, (p))
	zero_extended \size, %rsi
	ret
.Lfault_xchg_\size:
	note_fault landing
	ret
endfunc mcsafe__xchg_\size

func mcsafe__cmpxchg_\size
	movq	expected, %rax
	STORE(.Lfault_cmpxchg_\size, \size, lock cmpxchg\suffix, \si, (p))
	zero_extended \size, %rax
	ret
.Lfault_cmpxchg_\size:
	note_fault landing
	ret
endfunc mcsafe__cmpxchg_\size
.endm

/* %rax = the lower \size bytes of \from, %rax or %rsi. */
.macro	zero_extended size, from
	movq	\from, %rax
.if \size == 1
	movzbl	%al, %eax
.elseif \size == 2
	movzwl	%ax, %eax
.elseif \size == 4
	movl	%eax, %eax
.endif
.endm

	accesses 1, b, movzbl, %eax, %sil
	accesses 2, w, movzwl, %eax, %si
	accesses 4, l, movl, %eax, %esi
	accesses 8, q, movq, %rax, %rsi
