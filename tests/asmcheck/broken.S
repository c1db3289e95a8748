/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * broken.S - copies that are each broken in one way, and a good one
 *
 * size_t broken_NAME(void *dst, const void *src, size_t n, struct mcsafe_fault *fault);
 */
#include "asm.h"

/*
 * Copies byte by byte. start, end and fault are additional code at the start, at the end, and after
 * a fault.
 */
.macro	copies name, start=, end=, fault=, stop=stop_at_fault, again=0
func broken_\name
	\start
.Lnext_\name:
	testq	%rdx, %rdx
	jz	.Lout_\name
	LOAD(.Lfault_\name, 1, movb, %al, (%rsi))
	STORE(.Lfault_\name, 1, movb, %al, (%rdi))
	incq	%rsi
	incq	%rdi
	decq	%rdx
	jmp	.Lnext_\name
.Lout_\name:
	xorl	%eax, %eax
	\end
	ret
.Lfault_\name:
	.if	\again
	LOAD(.Lagain_\name, 1, movb, %al, (%rsi))
.Lagain_\name:
	.endif
	movq	%rdx, %rax
	\fault
	\stop
endfunc broken_\name
.endm

.macro	no_record
	ret
.endm

/* Runs code only for some of the lengths, so that a check must look for it. */
.macro	if_longer n, what:vararg
	cmpq	$\n, %rdx
	jbe	.Lnot_\@
	\what
.Lnot_\@:
.endm

.macro	short_by_one
	cmpq	$77, %rdx
	jne	.Lother_\@
	decq	%rdx
.Lother_\@:
.endm

.macro	mask_of_one
	movl	$1, %eax
	kmovq	%rax, %k1
.endm

.macro	load_of_one_by_mask
	mask_of_one
	vmovdqu8 (%rsi), %zmm16{%k1}{z}
.endm

.macro	store_of_two_by_mask
	cmpq	$1, %rdx
	jne	.Lmore_\@
	movl	$3, %eax
	kmovq	%rax, %k1
	vpxorq	%zmm16, %zmm16, %zmm16
	vmovdqu8 %zmm16, (%rdi){%k1}
.Lmore_\@:
.endm

.macro	reset_mxcsr
	movl	$0x1f80, -8(%rsp)
	ldmxcsr	-8(%rsp)
.endm

.macro	store_non_temporal
	cmpq	$8, %rdx
	jb	.Lshort_\@
	movnti	%rax, (%rdi)
.Lshort_\@:
.endm

.macro	store_fenced
	store_non_temporal
	sfence
.endm

	copies	good
	copies	fenced, start=store_fenced
	copies	not_fenced_at_fault, start=store_non_temporal, end=sfence
	copies	last_byte, start="short_by_one"
	copies	before, start="if_longer 40 movb $0, -1(%rdi)"
	copies	count_high, fault="decq %rax"
	copies	count_low, fault="incq %rax"
	copies	record, stop=no_record
	copies	again, again=1
	copies	outside, start="if_longer 40 movb -64(%rsi), %al"
	copies	past, start="if_longer 40 movb 63(%rsi,%rdx), %al"
	copies	crossing, start="if_longer 40 movq (%rsi), %rax"
	copies	crossing_mask, start="if_longer 40 load_of_one_by_mask"
	copies	wide_mask, start="store_of_two_by_mask"
	copies	rbx, end="notq %rbx"
	copies	r15_at_fault, fault="notq %r15"
	copies	stack_at_fault, fault="movq %rax, 8(%rsp)"
	copies	direction, end="std"
	copies	direction_at_fault, fault="std"
	copies	mxcsr_at_fault, fault="reset_mxcsr"
	copies	ymm, end="vpcmpeqd %ymm0, %ymm0, %ymm0"
	copies	ymm_at_fault, fault="vpcmpeqd %ymm0, %ymm0, %ymm0"
	copies	zmm_at_fault, fault="vpbroadcastd %edx, %zmm0"

/*
 * Holds one byte in %r8 and stores it after the next load. \rescue must store it if that load
 * fails.
 */
.macro	holds name, rescue:vararg
func broken_\name
	testq	%rdx, %rdx
	jz	.Lout_\name
	LOAD(.Lfault_\name, 1, movzbl, %r8d, (%rsi))
.Lnext_\name:
	cmpq	$1, %rdx
	je	.Llast_\name
	LOAD(.Lfault_load_\name, 1, movzbl, %eax, 1(%rsi))
	STORE(.Lfault_\name, 1, movb, %r8b, (%rdi))
	movl	%eax, %r8d
	incq	%rsi
	incq	%rdi
	decq	%rdx
	jmp	.Lnext_\name
.Llast_\name:
	STORE(.Lfault_\name, 1, movb, %r8b, (%rdi))
.Lout_\name:
	xorl	%eax, %eax
	ret
.Lfault_load_\name:
	\rescue
	incq	%rsi
.Lfault_\name:
	movq	%rdx, %rax
	stop_at_fault
endfunc broken_\name
.endm

/* Copies words, and stores the first \n bytes of a word again if its store failed. */
.macro	stores_again name, n
func broken_\name
.Lnext_\name:
	cmpq	$8, %rdx
	jb	.Lbytes_\name
	LOAD(.Lfault_\name, 8, movq, %rax, (%rsi))
	STORE(.Lfault_store_\name, 8, movq, %rax, (%rdi))
	addq	$8, %rsi
	addq	$8, %rdi
	subq	$8, %rdx
	jmp	.Lnext_\name
.Lbytes_\name:
	testq	%rdx, %rdx
	jz	.Lout_\name
	LOAD(.Lfault_\name, 1, movb, %al, (%rsi))
	STORE(.Lfault_\name, 1, movb, %al, (%rdi))
	incq	%rsi
	incq	%rdi
	decq	%rdx
	jmp	.Lbytes_\name
.Lout_\name:
	xorl	%eax, %eax
	ret
.Lfault_store_\name:
	movl	$\n, %r8d
.Lagain_\name:
	STORE(.Lfault_\name, 1, movb, %al, (%rdi))
	shrq	$8, %rax
	incq	%rsi
	incq	%rdi
	decq	%rdx
	decl	%r8d
	jnz	.Lagain_\name
	jmp	.Lnext_\name
.Lfault_\name:
	movq	%rdx, %rax
	stop_at_fault
endfunc broken_\name
.endm

.macro	store_held name
	STORE(.Lfault_\name, 1, movb, %r8b, (%rdi))
	decq	%rdx
.endm

	holds	held, store_held held
	holds	held_and_lost
	stores_again again_8, 8
	stores_again again_7, 7
