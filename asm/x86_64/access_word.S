/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * access_word.S - single words, for callers without the inline functions of mcsafe/access.h
 *
 *	uint64_t mcsafe__load_SIZE(const void *p, struct mcsafe_fault *fault);
 *	uint64_t mcsafe__store_SIZE(void *p, uint64_t value, struct mcsafe_fault *fault);
 *	uint64_t mcsafe__xchg_SIZE(void *p, uint64_t value, struct mcsafe_fault *fault);
 *	uint64_t mcsafe__cmpxchg_SIZE(void *p, uint64_t value, struct mcsafe_fault *fault,
 *				      uint64_t expected);
 *
 * SIZE is 1, 2, 4 or 8 bytes. Each function makes one access. It returns the word that was in
 * memory before the access, with its upper bytes 0; mcsafe__store_SIZE returns nothing. *fault is
 * written only if the access fails, and then the result means nothing. An exchange needs memory
 * that can be written, so its row is the row of a store.
 *
 * Needs	x86-64
 * Clobbers	%rax, %rsi; %r9-%r11 on a fault
 *
 * On a fault	Invariant, in each function: the access failed as a whole.
 */
#include "asm.h"

#define p		%rdi
#define record		%rdx
#define expected	%rcx

func mcsafe__load_1
	LOAD(.Lfault_load_1, 1, movzbl, %eax, (p))
	ret
.Lfault_load_1:
	movq	%rsi, %rcx
	movq	p, %rsi
	stop_at_fault
endfunc mcsafe__load_1

func mcsafe__store_1
	STORE(.Lfault_store_1, 1, movb, %sil, (p))
	ret
.Lfault_store_1:
	movq	record, %rcx
	stop_at_fault
endfunc mcsafe__store_1

func mcsafe__xchg_1
	STORE(.Lfault_xchg_1, 1, xchgb, %sil, (p))
	movq	%rsi, %rax
	movzbl	%al, %eax
	ret
.Lfault_xchg_1:
	movq	record, %rcx
	stop_at_fault
endfunc mcsafe__xchg_1

func mcsafe__cmpxchg_1
	movq	expected, %rax
	STORE(.Lfault_cmpxchg_1, 1, lock cmpxchgb, %sil, (p))
	movq	%rax, %rax
	movzbl	%al, %eax
	ret
.Lfault_cmpxchg_1:
	movq	record, %rcx
	stop_at_fault
endfunc mcsafe__cmpxchg_1

func mcsafe__load_2
	LOAD(.Lfault_load_2, 2, movzwl, %eax, (p))
	ret
.Lfault_load_2:
	movq	%rsi, %rcx
	movq	p, %rsi
	stop_at_fault
endfunc mcsafe__load_2

func mcsafe__store_2
	STORE(.Lfault_store_2, 2, movw, %si, (p))
	ret
.Lfault_store_2:
	movq	record, %rcx
	stop_at_fault
endfunc mcsafe__store_2

func mcsafe__xchg_2
	STORE(.Lfault_xchg_2, 2, xchgw, %si, (p))
	movq	%rsi, %rax
	movzwl	%ax, %eax
	ret
.Lfault_xchg_2:
	movq	record, %rcx
	stop_at_fault
endfunc mcsafe__xchg_2

func mcsafe__cmpxchg_2
	movq	expected, %rax
	STORE(.Lfault_cmpxchg_2, 2, lock cmpxchgw, %si, (p))
	movq	%rax, %rax
	movzwl	%ax, %eax
	ret
.Lfault_cmpxchg_2:
	movq	record, %rcx
	stop_at_fault
endfunc mcsafe__cmpxchg_2

func mcsafe__load_4
	LOAD(.Lfault_load_4, 4, movl, %eax, (p))
	ret
.Lfault_load_4:
	movq	%rsi, %rcx
	movq	p, %rsi
	stop_at_fault
endfunc mcsafe__load_4

func mcsafe__store_4
	STORE(.Lfault_store_4, 4, movl, %esi, (p))
	ret
.Lfault_store_4:
	movq	record, %rcx
	stop_at_fault
endfunc mcsafe__store_4

func mcsafe__xchg_4
	STORE(.Lfault_xchg_4, 4, xchgl, %esi, (p))
	movq	%rsi, %rax
	movl	%eax, %eax
	ret
.Lfault_xchg_4:
	movq	record, %rcx
	stop_at_fault
endfunc mcsafe__xchg_4

func mcsafe__cmpxchg_4
	movq	expected, %rax
	STORE(.Lfault_cmpxchg_4, 4, lock cmpxchgl, %esi, (p))
	movq	%rax, %rax
	movl	%eax, %eax
	ret
.Lfault_cmpxchg_4:
	movq	record, %rcx
	stop_at_fault
endfunc mcsafe__cmpxchg_4

func mcsafe__load_8
	LOAD(.Lfault_load_8, 8, movq, %rax, (p))
	ret
.Lfault_load_8:
	movq	%rsi, %rcx
	movq	p, %rsi
	stop_at_fault
endfunc mcsafe__load_8

func mcsafe__store_8
	STORE(.Lfault_store_8, 8, movq, %rsi, (p))
	ret
.Lfault_store_8:
	movq	record, %rcx
	stop_at_fault
endfunc mcsafe__store_8

func mcsafe__xchg_8
	STORE(.Lfault_xchg_8, 8, xchgq, %rsi, (p))
	movq	%rsi, %rax
	ret
.Lfault_xchg_8:
	movq	record, %rcx
	stop_at_fault
endfunc mcsafe__xchg_8

func mcsafe__cmpxchg_8
	movq	expected, %rax
	STORE(.Lfault_cmpxchg_8, 8, lock cmpxchgq, %rsi, (p))
	movq	%rax, %rax
	ret
.Lfault_cmpxchg_8:
	movq	record, %rcx
	stop_at_fault
endfunc mcsafe__cmpxchg_8
