/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * broken_searches.S - scans and comparisons that are each broken in one way, and a good one of each
 *
 * enum mcsafe_cause broken_scan_NAME(const void *s, int c, size_t n, size_t *at,
 *				      struct mcsafe_fault *fault);
 * enum mcsafe_cause broken_compare_NAME(const void *a, const void *b, size_t n,
 *					 struct mcsafe_comparison *result,
 *					 struct mcsafe_fault *fault);
 */
#include "asm.h"

/* Code that runs only for some of the lengths, so that a check must look for it. */
.macro	if_longer n, what:vararg
	cmpq	$\n, %rdx
	jbe	.Lnot_\@
	\what
.Lnot_\@:
.endm

/* %rax is the number of bytes before the answer. */
.macro	one_more_after n
	cmpq	$\n, %rax
	jne	.Lother_\@
	incq	%rax
.Lother_\@:
.endm

.macro	store_to_operand
	movb	(%rdi), %r9b
	movb	%r9b, (%rdi)
.endm

.macro	no_failure
	xorl	%eax, %eax
	ret
.endm

/*
 * Scans byte by byte. start, end and fault are additional code at the start, at the end, and after
 * a fault.
 */
.macro	scans name, start=, end=, fault=, record=%r8, stop=stop_with_cause, again=0
func broken_scan_\name
	\start
	xorl	%eax, %eax
.Lnext_scan_\name:
	cmpq	%rdx, %rax
	jae	.Lout_scan_\name
	LOAD(.Lfault_scan_\name, 1, movb, %r9b, (%rdi,%rax))
	cmpb	%sil, %r9b
	je	.Lout_scan_\name
	incq	%rax
	jmp	.Lnext_scan_\name
.Lout_scan_\name:
	\end
	movq	%rax, (%rcx)
	xorl	%eax, %eax
	ret
.Lfault_scan_\name:
	.if	\again
	LOAD(.Lagain_scan_\name, 1, movb, %sil, (%rdi,%rax))
.Lagain_scan_\name:
	.endif
	\fault
	movq	%rax, (%rcx)
	leaq	(%rdi,%rax), %rsi
	movq	\record, %rcx
	\stop
endfunc broken_scan_\name
.endm

	scans	good
	scans	count, end="one_more_after 77"
	scans	rbx, end="notq %rbx"
	scans	outside, start="if_longer 40 movb -64(%rdi), %al"
	scans	past, start="if_longer 40 movb 63(%rdi,%rdx), %al"
	scans	past_answer, start="if_longer 40 movb -1(%rdi,%rdx), %al"
	scans	crossing, start="if_longer 40 movq (%rdi), %rax"
	scans	stores, start="if_longer 40 store_to_operand"
	scans	count_high, fault="incq %rax"
	scans	again, again=1
	scans	no_record, record=$0
	scans	no_cause, stop=no_failure
	scans	direction_at_fault, fault=std

/* Compares byte by byte. The additional code is as above. */
.macro	compares name, start=, end=, fault=, record=%r8, operand=1, again=0
func broken_compare_\name
	\start
	xorl	%eax, %eax
.Lnext_compare_\name:
	xorl	%r11d, %r11d
	cmpq	%rdx, %rax
	jae	.Lout_compare_\name
	LOAD(.Lfault_a_compare_\name, 1, movzbl, %r9d, (%rdi,%rax))
	LOAD(.Lfault_b_compare_\name, 1, movzbl, %r10d, (%rsi,%rax))
	cmpl	%r10d, %r9d
	jne	.Ldifferent_compare_\name
	incq	%rax
	jmp	.Lnext_compare_\name
.Ldifferent_compare_\name:
	sbbl	%r11d, %r11d			/* -1 if a is less, otherwise 0 ... */
	orl	$1, %r11d			/* ... which becomes 1 */
.Lout_compare_\name:
	\end
	movq	%rax, MCSAFE_COMPARISON_EQUAL(%rcx)
	movl	%r11d, MCSAFE_COMPARISON_ORDER(%rcx)
	movl	$0, MCSAFE_COMPARISON_FAILED(%rcx)
	xorl	%eax, %eax
	ret
.Lfault_a_compare_\name:
	.if	\again
	LOAD(.Lagain_compare_\name, 1, movb, %dl, (%rdi,%rax))
.Lagain_compare_\name:
	.endif
	movl	$\operand, MCSAFE_COMPARISON_FAILED(%rcx)
	leaq	(%rdi,%rax), %rsi
	jmp	.Lstop_compare_\name
.Lfault_b_compare_\name:
	movl	$2, MCSAFE_COMPARISON_FAILED(%rcx)
	leaq	(%rsi,%rax), %rsi
.Lstop_compare_\name:
	\fault
	movq	%rax, MCSAFE_COMPARISON_EQUAL(%rcx)
	movl	$0, MCSAFE_COMPARISON_ORDER(%rcx)
	movq	\record, %rcx
	stop_with_cause
endfunc broken_compare_\name
.endm

	compares good
	compares count, end="one_more_after 77"
	compares rbx, end="notq %rbx"
	compares outside, start="if_longer 40 movb -64(%rsi), %al"
	compares past_answer, start="if_longer 300 movb -1(%rdi,%rdx), %al"
	compares crossing, start="if_longer 40 movq (%rdi), %rax"
	compares stores, start="if_longer 40 store_to_operand"
	compares count_high, fault="incq %rax"
	compares again, again=1
	compares other_operand, operand=2
	compares no_record, record=$0
	compares direction_at_fault, fault=std
