/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_sse2.S - copy with 16-byte vectors, for processors without AVX2
 *
 *	size_t mcsafe__copy_sse2(void *dst, const void *src, size_t n,
 *				 struct mcsafe__landing *landing);
 *
 * Copies n bytes upwards and returns how many were not copied; *landing is written only if that is
 * not 0 or a write fault went away while it was looked at. Every load is aligned to its size, so
 * that none crosses a 64-byte line or a page; the destination is not.
 *
 * Needs	SSE2 (every x86-64)
 * Clobbers	%rax, %r8, %xmm0-%xmm3 and the argument registers; %r9-%r11 on a fault
 *
 * Phases	n < 16	single bytes, in a loop
 *		lead	1, 2, 4 and 8 bytes, as the bits of -src ask, until src is a multiple of 16
 *		blocks	64 bytes in four vectors
 *		tail	32, 16, 8, 4, 2 and 1 bytes, as the bits of what is left ask
 *
 * On a fault	%rdi, %rsi and %rdx are at the start of the step, and all before it is stored.
 *		- A load is never repeated. It fails as a whole, and all of it lies in the page
 *		  and in the line that is bad: exact.
 *		- A store can straddle into a bad page, and the processor stores all of it or
 *		  nothing. bytes.h stores the same register again, byte by byte. If all of
 *		  it goes in, what forbade the store is gone, and the function begins again.
 */
#include "asm.h"
#include "bytes.h"

#define dst	%rdi
#define src	%rsi
#define left	%rdx		/* bytes from dst on */
#define landing	%rcx		/* only a fixup looks at it */

/* One step of \size bytes if that bit of \bits is set. */
.macro	step size, bits, insn, register
	testb	$\size, \bits
	jz	.Lno_\@
	LOAD(.Lfault_load, \size, \insn, \register, (src))
	STORE(.Lfault_store_\size, \size, \insn, \register, (dst))
	addq	$\size, src
	addq	$\size, dst
	subq	$\size, left
.Lno_\@:
.endm

func mcsafe__copy_sse2
	cmpq	$16, left
	jb	.Lbytes

	movl	%esi, %r8d
	negl	%r8d				/* 16 - src mod 16 in the lower bits */
	step	1, %r8b, movb, %al
	step	2, %r8b, movw, %ax
	step	4, %r8b, movl, %eax
	step	8, %r8b, movq, %rax
	cmpq	$64, left
	jb	.Ltail

	.p2align 5
.Lblocks:
	LOAD(.Lfault_load, 16, movdqa, %xmm0, (src))
	STORE(.Lfault_store_16, 16, movdqu, %xmm0, (dst))
	LOAD(.Lfault_load_1, 16, movdqa, %xmm1, 16(src))
	STORE(.Lfault_store_16_1, 16, movdqu, %xmm1, 16(dst))
	LOAD(.Lfault_load_2, 16, movdqa, %xmm2, 32(src))
	STORE(.Lfault_store_16_2, 16, movdqu, %xmm2, 32(dst))
	LOAD(.Lfault_load_3, 16, movdqa, %xmm3, 48(src))
	STORE(.Lfault_store_16_3, 16, movdqu, %xmm3, 48(dst))
	addq	$64, src
	addq	$64, dst
	subq	$64, left
	cmpq	$64, left
	jae	.Lblocks

.Ltail:
	movl	%edx, %r8d
	testb	$32, %r8b
	jz	.Ltail_16
	LOAD(.Lfault_load, 16, movdqa, %xmm0, (src))
	STORE(.Lfault_store_16, 16, movdqu, %xmm0, (dst))
	LOAD(.Lfault_load_1, 16, movdqa, %xmm1, 16(src))
	STORE(.Lfault_store_16_1, 16, movdqu, %xmm1, 16(dst))
	addq	$32, src
	addq	$32, dst
	subq	$32, left
.Ltail_16:
	step	16, %r8b, movdqu, %xmm0
	step	8, %r8b, movq, %rax
	step	4, %r8b, movl, %eax
	step	2, %r8b, movw, %ax
	step	1, %r8b, movb, %al
.Lnothing:
	xorl	%eax, %eax
	ret

	/* Invariant: k vectors of the step are stored, and nothing behind them was read. */
.Lfault_load_3:
	subq	$16, left
.Lfault_load_2:
	subq	$16, left
.Lfault_load_1:
	subq	$16, left
.Lfault_load:
	/* Invariant: the byte at dst was not stored. */
.Lfault_byte:
	note_fault landing
	movq	left, %rax
	ret

	/* Invariant: the register that failed to be stored is whole, all before it is stored. */
.Lfault_store_1:
	movl	$1, %r8d
	jmp	.Lfault_register
.Lfault_store_2:
	movl	$2, %r8d
	jmp	.Lfault_register
.Lfault_store_4:
	movl	$4, %r8d
	jmp	.Lfault_register
.Lfault_store_8:
	movl	$8, %r8d
.Lfault_register:
	movq	%rax, %xmm0
	movl	%r8d, %eax
	xorl	%r8d, %r8d
	jmp	.Lagain
.Lfault_store_16_3:
	movl	$48, %r8d
	movdqa	%xmm3, %xmm0
	jmp	.Lfault_vector
.Lfault_store_16_2:
	movl	$32, %r8d
	movdqa	%xmm2, %xmm0
	jmp	.Lfault_vector
.Lfault_store_16_1:
	movl	$16, %r8d
	movdqa	%xmm1, %xmm0
	jmp	.Lfault_vector
.Lfault_store_16:
	xorl	%r8d, %r8d
.Lfault_vector:
	movl	$16, %eax

	/* Invariant: %eax bytes in xmm0 belong %r8 bytes behind dst. */
.Lagain:
	note_fault landing
	go_to_bytes
	store_bytes mcsafe__copy_sse2

.Lbytes:
	testq	left, left
	jz	.Lnothing
	LOAD(.Lfault_load, 1, movb, %al, (src))
	STORE(.Lfault_load, 1, movb, %al, (dst))
	incq	src
	incq	dst
	decq	left
	jmp	.Lbytes
endfunc mcsafe__copy_sse2
