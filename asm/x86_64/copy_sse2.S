/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_sse2.S - copy with 16-byte vectors, for processors without AVX2
 *
 *	size_t mcsafe__copy_sse2(void *dst, const void *src, size_t n,
 *				 struct mcsafe_fault *fault);
 *
 * Copies n bytes upwards and returns how many were not copied. *fault is written only if that is
 * not 0. Every load is
 * aligned to its size, so none crosses a 64-byte line or a page. The stores need not be aligned.
 *
 * Needs	SSE2 (every x86-64)
 * Clobbers	%rax, %r8, %xmm0-%xmm3 and the argument registers; %r9-%r11 on a fault
 *
 * Phases	n < 16	single bytes, in a loop
 *		lead	1, 2, 4 and 8 bytes, by the bits of -src, until src is a multiple of 16
 *		blocks	64 bytes in four vectors
 *		tail	32, 16, 8, 4, 2 and 1 bytes, by the bits of "left"
 *
 * Trace	n = 100, src % 64 = 13: -13 % 16 = 3, so the lead copies 1 and 2 bytes; left = 97
 *		.Lblocks: one turn of four vectors; left = 33
 *		.Ltail: bit 5 of 33 is set, so two vectors are copied; then bit 0, so 1 byte
 *		returns 0
 *
 * On a fault	%rdi, %rsi and %rdx are at the start of the step, and all bytes before it are
 *		stored.
 *		- A load is never repeated. It fails as a whole, and all of it lies in the page and
 *		  in the line that is bad. So the result is exact.
 *		- A store can straddle into a bad page, and the processor stores all of it or
 *		  nothing. store_bytes.inc stores the same register again, byte by byte. If all of
 *		  its bytes can be stored, the cause of the fault is gone, and the function begins
 *		  again after them.
 */
#include "asm.h"

#define dst	%rdi
#define src	%rsi
#define left	%rdx		/* bytes from dst on */
#define record	%rcx		/* only a fixup looks at it */

/*
 * Copy \size bytes if that bit of \bits is set. A load that fails goes to .Lfault_load, a store to
 * \fault_store.
 * In: \bits; dst, src, left
 * Out: dst, src and left, moved on if the bit is set
 * Changes: \register, flags
 */
.macro	step size, bits, insn, register, fault_store
	testb	$\size, \bits
	jz	.Lno_\@
	LOAD(.Lfault_load, \size, \insn, \register, (src))
	STORE(\fault_store, \size, \insn, \register, (dst))
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
	step	1, %r8b, movb, %al, .Lfault_store_1
	step	2, %r8b, movw, %ax, .Lfault_store_2
	step	4, %r8b, movl, %eax, .Lfault_store_4
	step	8, %r8b, movq, %rax, .Lfault_store_8
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
	step	16, %r8b, movdqu, %xmm0, .Lfault_store_16
	step	8, %r8b, movq, %rax, .Lfault_store_8
	step	4, %r8b, movl, %eax, .Lfault_store_4
	step	2, %r8b, movw, %ax, .Lfault_store_2
	step	1, %r8b, movb, %al, .Lfault_store_1
.Lnothing:
	xorl	%eax, %eax
	ret

	/* Invariant: k vectors of the step are stored, and vector k was not read. */
.Lfault_load_3:
	addq	$16, src
	subq	$16, left
.Lfault_load_2:
	addq	$16, src
	subq	$16, left
.Lfault_load_1:
	addq	$16, src
	subq	$16, left
.Lfault_load:
	/* Invariant: the byte at dst was not stored. */
.Lfault_byte:
	movq	left, %rax
	stop_at_fault

	/* Invariant: the register whose store failed is whole; all bytes before it are stored. */
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

	/* Invariant: %eax bytes in xmm0 belong at dst + %r8. */
.Lagain:
#define EXIT mcsafe__copy_sse2
#include "store_bytes.inc"

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
