/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_avx512.S - copy with 64-byte vectors, and the public copies, which begin in it
 *
 *	size_t mcsafe__copy_avx512(void *dst, const void *src, size_t n,
 *				   struct mcsafe_fault *fault);
 *
 * Copies n bytes upwards and returns how many were not copied. *fault is written only if that is
 * not 0. windows_avx512.h has the rules for loads and faults.
 *
 *	size_t memcpy_mcsafe(void *dst, const void *src, size_t n);
 *	size_t mcsafe_memcpy(void *dst, const void *src, size_t n, struct mcsafe_fault *fault);
 *
 * The public functions (mcsafe/copy.h). They go to mcsafe__copy_otherwise (entry.S) if another
 * engine is in use, or if an operand is in the upper half of the address space, and to
 * mcsafe__copy_any() (copy.c) from route.long_from bytes on. Otherwise no range can wrap around,
 * and they go on here without a jump.
 *
 * Needs	AVX512F, AVX512BW and AVX512_VBMI (CPUID leaf 7, EBX bits 16 and 30, ECX bit 1; XCR0
 *		bits 1, 2 and 5 to 7), BMI2 (EBX bit 8)
 * Clobbers	%rax, %r8-%r10, zmm16-zmm24, %k1, %k2 and the argument registers; %r11 on a fault
 *
 * Phases	n <= 64		one window, without any branch
 *		n <= 128	two windows, whatever the alignment is: a branch on it would be
 *				mispredicted too often
 *		n <= 256	windows from the start, the last one with a mask; lines if src is a
 *				multiple of 64
 *		n <= 512	lines if src is a multiple of 64, else lines of the destination: a
 *				store that crosses a line costs more than a rotation. The first line
 *				with a mask, the next 3 or 4, then the last 2 or 3, which may be
 *				stored already, and what is left with a mask. So few branches depend
 *				on the length, and none on an alignment.
 *		n > 512		if both operands are multiples of 64, lines, 512 bytes a turn. Else
 *				lines of the destination: the first one with a mask, 4 or 8 a turn,
 *				then the last 4 and what is left, as above. From
 *				route.prefetch_from bytes on, turns of 4 with a prefetch of the
 *				destination for writing.
 *
 * Trace	n = 100, src % 64 = 13: to .L65_to_128
 *		find_line: %r8 = -13; zmm16 is the line that holds src, rotated by 13; zmm17 the
 *		next one; stores the first window, the 64 bytes from src on, which lie in both lines
 *		%rax = the line that holds the last byte: it is the next line, and is read again
 *		stores the other 36 bytes with a mask; returns 0
 */
#include "windows_avx512.h"

/* How far ahead of the stores the destination is prefetched. route.prefetch_from is at least twice
 * as much. */
#define PREFETCH_STORES 1024

/*
 * The stores of the first and of the last line of the destination, at (%rax). The mask in %k1
 * leaves out what lies before dst, or past the end.
 */
.macro	debug_head fixup
#ifdef MCSAFE_DEBUG
	leaq	(dst), %r9
	movl	%edi, %r11d
	leaq	9999f(%rip), %r10
	orl	$-64, %r11d
	negl	%r11d
	orl	$(MCSAFE_ROW_STORE << 16), %r11d
	call	mcsafe__debug_access
	testq	%r11, %r11
	jnz	\fixup
#endif
.endm
.macro	debug_tail fixup
#ifdef MCSAFE_DEBUG
	leaq	(%rax), %r9
	leal	-1(%rdi,%rdx), %r11d
	leaq	9999f(%rip), %r10
	andl	$63, %r11d
	incl	%r11d
	orl	$(MCSAFE_ROW_STORE << 16), %r11d
	call	mcsafe__debug_access
	testq	%r11, %r11
	jnz	\fixup
#endif
.endm
#define STORE_HEAD(fixup, reg)                                                 \
	debug_head fixup;                                                      \
	9999: vmovdqu8 reg, (%rax){%k1}; extable 9999b, fixup, MCSAFE_ROW_STORE
#define STORE_TAIL(fixup, reg)                                                 \
	debug_tail fixup;                                                      \
	9999: vmovdqu8 reg, (%rax){%k1}; extable 9999b, fixup, MCSAFE_ROW_STORE

/*
 * Go to the last line of the destination.
 * In: %rax, a line of the destination; %r8, the line in which its window begins; dst, left
 * Out: %rax, %r8, for the last line
 * Changes: %r9, flags
 */
.macro	to_last_line
	leaq	-1(dst,left), %r9
	andq	$-64, %r9
	subq	%rax, %r9
	addq	%r9, %r8
	addq	%r9, %rax
.endm

/*
 * In a fixup: go on after the first lines of the destination, 4 or 5.
 * In: %rax, a place in the destination; dst, src and left, where the copy began
 * Out: %rax, the same, counted from dst; dst, src, left, after these lines
 * Changes: %r8, flags
 */
.macro	first_lines_stored
	movq	dst, %r8
	andq	$-64, %r8
	addq	$256, %r8
	cmpq	$384, left
	jbe	.L4_lines_\@
	addq	$64, %r8
.L4_lines_\@:
	subq	dst, %r8
	advance	%r8
	subq	dst, %rax
.endm

/*
 * An entry in the middle of mcsafe__copy_avx512, with a symbol of its own; "endentry" ends the
 * symbol.
 */
.macro	entry name
	.globl	\name
	.type	\name, @function
\name:
	_CET_ENDBR
.endm
.macro	endentry name
	.size	\name, . - \name
.endm

/* In a build with MemorySanitizer copy.c has the public functions. */
#ifdef MCSAFE__MSAN
#define memcpy_mcsafe mcsafe__memcpy_without_record
#define mcsafe_memcpy mcsafe__memcpy
#endif

func mcsafe__copy_avx512
	cmpq	$64, left
	jbe	.L0_to_64
	jmp	.L65_and_more
.Lother_engine:
	jmp	mcsafe__copy_otherwise

	.p2align 6
entry memcpy_mcsafe
	xorl	%ecx, %ecx
entry mcsafe_memcpy
	movq	dst, %rax
	orq	src, %rax
	cmpq	mcsafe__route+MCSAFE_ROUTE_AVX512(%rip), %rax
	jae	.Lother_engine
	cmpq	$64, left
	ja	.Lany_length
endentry memcpy_mcsafe
endentry mcsafe_memcpy
.L0_to_64:
#include "short_avx512.inc"

	.p2align 6
.Lany_length:
	cmpq	mcsafe__route+MCSAFE_ROUTE_LONG_FROM(%rip), left
	jae	mcsafe__copy_any
.L65_and_more:
	cmpq	$128, left
	ja	.L129_and_more
	find_line
	leaq	-1(src,left), %rax
	last_mask
	andq	$-64, %rax
	LOAD_ROTATED(.Lfault_start, %zmm16, (src,back))
	LOAD_ROTATED(.Lfault_line_0, %zmm17, 64(src,back))
	window	%zmm16, %zmm17
	STORE(.Lfault_window_0, 64, vmovdqu64, %zmm16, (dst))
	LOAD_ROTATED(.Lfault_line_1, %zmm18, (%rax))
	window	%zmm17, %zmm18
	STORE_MASKED(.Lfault_window_1, %edx, vmovdqu8, %zmm17, 64(dst))
	xorl	%eax, %eax
	ret

	.p2align 6
.L129_and_more:
	testb	$63, %sil
	jz	.Llines_129_and_more
	cmpq	$256, left
	ja	.Ldestination_lines
	find_line
	leaq	-1(src,left), %rax
	last_mask
	andq	$-64, %rax
	LOAD_ROTATED(.Lfault_start, %zmm16, (src,back))
	LOAD_ROTATED(.Lfault_line_0, %zmm17, 64(src,back))
	window	%zmm16, %zmm17
	STORE(.Lfault_window_0, 64, vmovdqu64, %zmm16, (dst))
	LOAD_ROTATED(.Lfault_line_1, %zmm18, 128(src,back))
	window	%zmm17, %zmm18
	STORE(.Lfault_window_1, 64, vmovdqu64, %zmm17, 64(dst))
	cmpq	$192, left
	ja	.Lwindows_193_to_256
	LOAD_ROTATED(.Lfault_line_2, %zmm19, (%rax))
	window	%zmm18, %zmm19
	STORE_MASKED(.Lfault_window_2, %edx, vmovdqu8, %zmm18, 128(dst))
	xorl	%eax, %eax
	ret
.Lwindows_193_to_256:
	LOAD_ROTATED(.Lfault_line_2, %zmm19, 192(src,back))
	window	%zmm18, %zmm19
	STORE(.Lfault_window_2, 64, vmovdqu64, %zmm18, 128(dst))
	LOAD_ROTATED(.Lfault_line_3, %zmm20, (%rax))
	window	%zmm19, %zmm20
	STORE_MASKED(.Lfault_window_3, %edx, vmovdqu8, %zmm19, 192(dst))
	xorl	%eax, %eax
	ret


	.p2align 6
.Llines_129_and_more:
	cmpq	$512, left
	ja	.Llines_513_and_more
.Llines_129_to_512:				/* src is a multiple of 64 */
	cmpq	$256, left
	ja	.Llines_257_to_512
	LOAD(.Lfault_load_0, 64, vmovdqa64, %zmm16, (src))
	STORE(.Lfault_window_0, 64, vmovdqu64, %zmm16, (dst))
	LOAD(.Lfault_load_1, 64, vmovdqa64, %zmm17, 64(src))
	STORE(.Lfault_window_1, 64, vmovdqu64, %zmm17, 64(dst))
	cmpq	$192, left
	ja	.Llines_193_to_256
	LOAD(.Lfault_load_2, 64, vmovdqa64, %zmm18, 128(src))
	last_mask
	STORE_MASKED(.Lfault_window_2, %edx, vmovdqu8, %zmm18, 128(dst))
	xorl	%eax, %eax
	ret
.Llines_193_to_256:
	LOAD(.Lfault_load_2, 64, vmovdqa64, %zmm18, 128(src))
	STORE(.Lfault_window_2, 64, vmovdqu64, %zmm18, 128(dst))
	LOAD(.Lfault_load_3, 64, vmovdqa64, %zmm19, 192(src))
	last_mask
	STORE_MASKED(.Lfault_window_3, %edx, vmovdqu8, %zmm19, 192(dst))
	xorl	%eax, %eax
	ret

	.p2align 6
.Llines_257_to_512:
	LOAD(.Lfault_load_0, 64, vmovdqa64, %zmm16, (src))
	STORE(.Lfault_window_0, 64, vmovdqu64, %zmm16, (dst))
	LOAD(.Lfault_load_1, 64, vmovdqa64, %zmm17, 64(src))
	STORE(.Lfault_window_1, 64, vmovdqu64, %zmm17, 64(dst))
	LOAD(.Lfault_load_2, 64, vmovdqa64, %zmm18, 128(src))
	STORE(.Lfault_window_2, 64, vmovdqu64, %zmm18, 128(dst))
	LOAD(.Lfault_load_3, 64, vmovdqa64, %zmm19, 192(src))
	STORE(.Lfault_window_3, 64, vmovdqu64, %zmm19, 192(dst))
	cmpq	$384, left
	ja	.Llines_385_to_512
	cmpq	$320, left
	ja	.Llines_321_to_384
	LOAD(.Lfault_load_4, 64, vmovdqa64, %zmm20, 256(src))
	last_mask
	STORE_MASKED(.Lfault_window_4, %edx, vmovdqu8, %zmm20, 256(dst))
	xorl	%eax, %eax
	ret
.Llines_321_to_384:
	LOAD(.Lfault_load_4, 64, vmovdqa64, %zmm20, 256(src))
	STORE(.Lfault_window_4, 64, vmovdqu64, %zmm20, 256(dst))
	LOAD(.Lfault_load_5, 64, vmovdqa64, %zmm21, 320(src))
	last_mask
	STORE_MASKED(.Lfault_window_5, %edx, vmovdqu8, %zmm21, 320(dst))
	xorl	%eax, %eax
	ret
.Llines_385_to_512:
	LOAD(.Lfault_load_4, 64, vmovdqa64, %zmm20, 256(src))
	STORE(.Lfault_window_4, 64, vmovdqu64, %zmm20, 256(dst))
	LOAD(.Lfault_load_5, 64, vmovdqa64, %zmm21, 320(src))
	STORE(.Lfault_window_5, 64, vmovdqu64, %zmm21, 320(dst))
	cmpq	$448, left
	ja	.Llines_449_to_512
	LOAD(.Lfault_load_6, 64, vmovdqa64, %zmm22, 384(src))
	last_mask
	STORE_MASKED(.Lfault_window_6, %edx, vmovdqu8, %zmm22, 384(dst))
	xorl	%eax, %eax
	ret
.Llines_449_to_512:
	LOAD(.Lfault_load_6, 64, vmovdqa64, %zmm22, 384(src))
	STORE(.Lfault_window_6, 64, vmovdqu64, %zmm22, 384(dst))
	LOAD(.Lfault_load_7, 64, vmovdqa64, %zmm23, 448(src))
	last_mask
	STORE_MASKED(.Lfault_window_7, %edx, vmovdqu8, %zmm23, 448(dst))
	xorl	%eax, %eax
	ret

	.p2align 6
.Llines_513_and_more:
	testb	$63, %dil
	jnz	.Ldestination_lines
	cmpq	mcsafe__route+MCSAFE_ROUTE_PREFETCH_FROM(%rip), left
	jae	.Ldestination_lines
	.p2align 6
.Lline_turn:
	LOAD(.Lfault_load_0, 64, vmovdqa64, %zmm16, (src))
	STORE(.Lfault_window_0, 64, vmovdqu64, %zmm16, (dst))
	LOAD(.Lfault_load_1, 64, vmovdqa64, %zmm17, 64(src))
	STORE(.Lfault_window_1, 64, vmovdqu64, %zmm17, 64(dst))
	LOAD(.Lfault_load_2, 64, vmovdqa64, %zmm18, 128(src))
	STORE(.Lfault_window_2, 64, vmovdqu64, %zmm18, 128(dst))
	LOAD(.Lfault_load_3, 64, vmovdqa64, %zmm19, 192(src))
	STORE(.Lfault_window_3, 64, vmovdqu64, %zmm19, 192(dst))
	LOAD(.Lfault_load_4, 64, vmovdqa64, %zmm20, 256(src))
	STORE(.Lfault_window_4, 64, vmovdqu64, %zmm20, 256(dst))
	LOAD(.Lfault_load_5, 64, vmovdqa64, %zmm21, 320(src))
	STORE(.Lfault_window_5, 64, vmovdqu64, %zmm21, 320(dst))
	LOAD(.Lfault_load_6, 64, vmovdqa64, %zmm22, 384(src))
	STORE(.Lfault_window_6, 64, vmovdqu64, %zmm22, 384(dst))
	LOAD(.Lfault_load_7, 64, vmovdqa64, %zmm23, 448(src))
	STORE(.Lfault_window_7, 64, vmovdqu64, %zmm23, 448(dst))
	advance	$512
	cmpq	$512, left
	ja	.Lline_turn
	cmpq	$128, left
	ja	.Llines_129_to_512
	cmpq	$64, left
	ja	.Llines_65_to_128
	LOAD(.Lfault_load_0, 64, vmovdqa64, %zmm16, (src))
	last_mask
	STORE_MASKED(.Lfault_window_0, %edx, vmovdqu8, %zmm16, (dst))
	xorl	%eax, %eax
	ret
.Llines_65_to_128:
	LOAD(.Lfault_load_0, 64, vmovdqa64, %zmm16, (src))
	STORE(.Lfault_window_0, 64, vmovdqu64, %zmm16, (dst))
	LOAD(.Lfault_load_1, 64, vmovdqa64, %zmm17, 64(src))
	last_mask
	STORE_MASKED(.Lfault_window_1, %edx, vmovdqu8, %zmm17, 64(dst))
	xorl	%eax, %eax
	ret

	/*
	 * More than 256 bytes. %rax = the first line of the destination. It begins dst mod 64 bytes
	 * before dst. What would be copied to it begins as many bytes before src, in the line
	 * %r8. That may be the line before src, which is not read: the mask leaves its bytes out.
	 */
	.p2align 6
.Ldestination_lines:
	movl	%edi, %r8d
	movq	src, %rax
	andl	$63, %r8d
	orq	$-1, %r9
	negq	%r8
	shlxq	dst, %r9, %r10
	addq	src, %r8
	kmovq	%r10, %k1
	vpbroadcastb %r8d, %zmm24
	shrxq	%r8, %r9, %r9
	andq	$-64, %rax
	kmovq	%r9, %k2
	andq	$-64, %r8
	vpaddb	lanes(%rip), %zmm24, %zmm24
	LOAD_ROTATED(.Lfault_start, %zmm17, (%rax))
	movq	dst, %rax
	andq	$-64, %rax
	LOAD_ROTATED(.Lfault_head_line, %zmm16, 64(%r8))
	window	%zmm17, %zmm16
	STORE_HEAD(.Lfault_head_window, %zmm17)
	cmpq	$512, left
	ja	.Lturns
	LOAD_ROTATED(.Lfault_first_line_1, %zmm17, 128(%r8))
	window	%zmm16, %zmm17
	STORE(.Lfault_first_window_1, 64, vmovdqa64, %zmm16, 64(%rax))
	LOAD_ROTATED(.Lfault_first_line_2, %zmm18, 192(%r8))
	window	%zmm17, %zmm18
	STORE(.Lfault_first_window_2, 64, vmovdqa64, %zmm17, 128(%rax))
	LOAD_ROTATED(.Lfault_first_line_3, %zmm19, 256(%r8))
	window	%zmm18, %zmm19
	STORE(.Lfault_first_window_3, 64, vmovdqa64, %zmm18, 192(%rax))
	cmpq	$384, left
	ja	.Ldestination_lines_385_to_512
	to_last_line
	LOAD_ROTATED(.Lfault_end_start, %zmm17, -128(%r8))
	jmp	.Llast_2_lines

.Ldestination_lines_385_to_512:
	LOAD_ROTATED(.Lfault_first_line_4, %zmm20, 320(%r8))
	window	%zmm19, %zmm20
	STORE(.Lfault_first_window_4, 64, vmovdqa64, %zmm19, 256(%rax))
	to_last_line
	LOAD_ROTATED(.Lfault_end_start, %zmm16, -192(%r8))
	LOAD_ROTATED(.Lfault_end_line_0, %zmm17, -128(%r8))
	window	%zmm16, %zmm17
	STORE(.Lfault_end_window_0, 64, vmovdqa64, %zmm16, -192(%rax))
.Llast_2_lines:
	LOAD_ROTATED(.Lfault_end_line_1, %zmm18, -64(%r8))
	window	%zmm17, %zmm18
	STORE(.Lfault_end_window_1, 64, vmovdqa64, %zmm17, -128(%rax))
	LOAD_ROTATED(.Lfault_end_line_2, %zmm19, (%r8))
	window	%zmm18, %zmm19
	STORE(.Lfault_end_window_2, 64, vmovdqa64, %zmm18, -64(%rax))
	leaq	-1(src,left), %r8
	leal	(%rdi,%rdx), %r10d
	orq	$-1, %r9
	negl	%r10d
	shrxq	%r10, %r9, %r9
	andq	$-64, %r8
	kmovq	%r9, %k1
	LOAD_ROTATED(.Lfault_end_line_3, %zmm20, (%r8))
	window	%zmm19, %zmm20
	STORE_TAIL(.Lfault_end_window_3, %zmm19)
	xorl	%eax, %eax
	ret

	.p2align 6
.Lturns:
	movl	%edi, %eax
	orq	$-64, %rax
	negq	%rax				/* up to the end of the line */
	advance	%rax
	addq	$64, %r8
	subq	src, back

	/* dst is a multiple of 64. %rax = where the last 4 lines begin that are whole. */
	leaq	-1(dst,left), %rax
	andq	$-64, %rax
	subq	$256, %rax
	cmpq	mcsafe__route+MCSAFE_ROUTE_PREFETCH_FROM(%rip), left
	jae	.Lturns_with_prefetch
	cmpq	$2048, left
	jb	.Lturn_of_4
	subq	$256, %rax
	.p2align 6
.Lturn_of_8:
	LOAD_ROTATED(.Lfault_line_0, %zmm17, 64(src,back))
	window	%zmm16, %zmm17
	STORE(.Lfault_window_0, 64, vmovdqa64, %zmm16, (dst))
	LOAD_ROTATED(.Lfault_line_1, %zmm18, 128(src,back))
	window	%zmm17, %zmm18
	STORE(.Lfault_window_1, 64, vmovdqa64, %zmm17, 64(dst))
	LOAD_ROTATED(.Lfault_line_2, %zmm19, 192(src,back))
	window	%zmm18, %zmm19
	STORE(.Lfault_window_2, 64, vmovdqa64, %zmm18, 128(dst))
	LOAD_ROTATED(.Lfault_line_3, %zmm20, 256(src,back))
	window	%zmm19, %zmm20
	STORE(.Lfault_window_3, 64, vmovdqa64, %zmm19, 192(dst))
	LOAD_ROTATED(.Lfault_line_4, %zmm21, 320(src,back))
	window	%zmm20, %zmm21
	STORE(.Lfault_window_4, 64, vmovdqa64, %zmm20, 256(dst))
	LOAD_ROTATED(.Lfault_line_5, %zmm22, 384(src,back))
	window	%zmm21, %zmm22
	STORE(.Lfault_window_5, 64, vmovdqa64, %zmm21, 320(dst))
	LOAD_ROTATED(.Lfault_line_6, %zmm23, 448(src,back))
	window	%zmm22, %zmm23
	STORE(.Lfault_window_6, 64, vmovdqa64, %zmm22, 384(dst))
	LOAD_ROTATED(.Lfault_line_7, %zmm16, 512(src,back))
	window	%zmm23, %zmm16
	STORE(.Lfault_window_7, 64, vmovdqa64, %zmm23, 448(dst))
	advance	$512
	cmpq	%rax, dst
	jbe	.Lturn_of_8
	addq	$256, %rax
	cmpq	%rax, dst
	jae	.Llast_lines
	.p2align 6
.Lturn_of_4:
	LOAD_ROTATED(.Lfault_line_0, %zmm17, 64(src,back))
	window	%zmm16, %zmm17
	STORE(.Lfault_window_0, 64, vmovdqa64, %zmm16, (dst))
	LOAD_ROTATED(.Lfault_line_1, %zmm18, 128(src,back))
	window	%zmm17, %zmm18
	STORE(.Lfault_window_1, 64, vmovdqa64, %zmm17, 64(dst))
	LOAD_ROTATED(.Lfault_line_2, %zmm19, 192(src,back))
	window	%zmm18, %zmm19
	STORE(.Lfault_window_2, 64, vmovdqa64, %zmm18, 128(dst))
	LOAD_ROTATED(.Lfault_line_3, %zmm16, 256(src,back))
	window	%zmm19, %zmm16
	STORE(.Lfault_window_3, 64, vmovdqa64, %zmm19, 192(dst))
	advance	$256
	cmpq	%rax, dst
	jb	.Lturn_of_4

	/*
	 * %r8 = the line in which the window at %rax begins. Up to 256 bytes of these windows are
	 * stored already.
	 */
.Llast_lines:
	addq	src, %r8
	subq	dst, %r8
	addq	%rax, %r8
	LOAD_ROTATED(.Lfault_byte, %zmm16, (%r8))
	LOAD_ROTATED(.Lfault_last_line_0, %zmm17, 64(%r8))
	window	%zmm16, %zmm17
	STORE(.Lfault_last_window_0, 64, vmovdqa64, %zmm16, (%rax))
	LOAD_ROTATED(.Lfault_last_line_1, %zmm18, 128(%r8))
	window	%zmm17, %zmm18
	STORE(.Lfault_last_window_1, 64, vmovdqa64, %zmm17, 64(%rax))
	LOAD_ROTATED(.Lfault_last_line_2, %zmm19, 192(%r8))
	window	%zmm18, %zmm19
	STORE(.Lfault_last_window_2, 64, vmovdqa64, %zmm18, 128(%rax))
	LOAD_ROTATED(.Lfault_last_line_3, %zmm20, 256(%r8))
	window	%zmm19, %zmm20
	STORE(.Lfault_last_window_3, 64, vmovdqa64, %zmm19, 192(%rax))
	leaq	-1(src,left), %r8
	last_mask
	andq	$-64, %r8
	LOAD_ROTATED(.Lfault_last_line_4, %zmm21, (%r8))
	window	%zmm20, %zmm21
	STORE_MASKED(.Lfault_last_window_4, %edx, vmovdqu8, %zmm20, 256(%rax))
	xorl	%eax, %eax
	ret

	.p2align 6
.Lturns_with_prefetch:
	subq	$PREFETCH_STORES, %rax
	.p2align 6
.Lturn_with_prefetch:
	prefetchw PREFETCH_STORES(dst)
	prefetchw PREFETCH_STORES+64(dst)
	prefetchw PREFETCH_STORES+128(dst)
	prefetchw PREFETCH_STORES+192(dst)
	LOAD_ROTATED(.Lfault_line_0, %zmm17, 64(src,back))
	window	%zmm16, %zmm17
	STORE(.Lfault_window_0, 64, vmovdqa64, %zmm16, (dst))
	LOAD_ROTATED(.Lfault_line_1, %zmm18, 128(src,back))
	window	%zmm17, %zmm18
	STORE(.Lfault_window_1, 64, vmovdqa64, %zmm17, 64(dst))
	LOAD_ROTATED(.Lfault_line_2, %zmm19, 192(src,back))
	window	%zmm18, %zmm19
	STORE(.Lfault_window_2, 64, vmovdqa64, %zmm18, 128(dst))
	LOAD_ROTATED(.Lfault_line_3, %zmm16, 256(src,back))
	window	%zmm19, %zmm16
	STORE(.Lfault_window_3, 64, vmovdqa64, %zmm19, 192(dst))
	advance	$256
	cmpq	%rax, dst
	jb	.Lturn_with_prefetch
	addq	$PREFETCH_STORES, %rax
	jmp	.Lturn_of_4

	/*
	 * Invariant: zmm17 is the line that holds src, rotated, and nothing is stored. If src lies
	 * less far in its line than dst in its own, the line that failed is this line, and has none
	 * of the bytes from src on that .Lfault_line counts.
	 */
.Lfault_head_line:
	vmovdqa64 %zmm17, %zmm16
	subq	dst, %rax
	jmp	.Lfault_line
	/* Invariant: zmm17 is the window at %rax, and nothing is stored. */
.Lfault_head_window:
	vmovdqa64 %zmm17, %zmm16
	subq	dst, %rax
	jmp	.Lfault_window

	/*
	 * Invariant: the windows before window k from %rax on are stored. The line in which window
	 * k begins is in zmm 15 + k, rotated. The line in which it ends was not read.
	 */
.Lfault_first_line_4:
	vmovdqa64 %zmm19, %zmm16
	addq	$256, %rax
	subq	dst, %rax
	jmp	.Lfault_line
.Lfault_first_line_3:
	vmovdqa64 %zmm18, %zmm16
	addq	$192, %rax
	subq	dst, %rax
	jmp	.Lfault_line
.Lfault_first_line_2:
	vmovdqa64 %zmm17, %zmm16
	addq	$128, %rax
	subq	dst, %rax
	jmp	.Lfault_line
.Lfault_first_line_1:
	addq	$64, %rax
	subq	dst, %rax
	jmp	.Lfault_line

	/* Invariant: the windows before window k from %rax on are stored; it is in zmm 15 + k. */
.Lfault_first_window_4:
	vmovdqa64 %zmm19, %zmm16
	addq	$256, %rax
	subq	dst, %rax
	jmp	.Lfault_window
.Lfault_first_window_3:
	vmovdqa64 %zmm18, %zmm16
	addq	$192, %rax
	subq	dst, %rax
	jmp	.Lfault_window
.Lfault_first_window_2:
	vmovdqa64 %zmm17, %zmm16
	addq	$128, %rax
	subq	dst, %rax
	jmp	.Lfault_window
.Lfault_first_window_1:
	addq	$64, %rax
	subq	dst, %rax
	jmp	.Lfault_window

	/*
	 * Invariant: the first 4 lines of the destination, or 5 if left > 384, are stored, and the
	 * windows before window k, which is at %rax + 64 * k - 192. The line in which it begins is
	 * in zmm 16 + k, rotated. The line in which it ends was not read.
	 */
.Lfault_end_line_3:
	vmovdqa64 %zmm19, %zmm16
	first_lines_stored
	jmp	.Lfault_line
.Lfault_end_line_2:
	vmovdqa64 %zmm18, %zmm16
	subq	$64, %rax
	first_lines_stored
	jmp	.Lfault_line
.Lfault_end_line_1:
	vmovdqa64 %zmm17, %zmm16
	subq	$128, %rax
	first_lines_stored
	jmp	.Lfault_line
.Lfault_end_line_0:
	subq	$192, %rax
	first_lines_stored
	jmp	.Lfault_line

	/* Invariant: as above; window k is in zmm 16 + k. */
.Lfault_end_window_3:
	vmovdqa64 %zmm19, %zmm16
	first_lines_stored
	jmp	.Lfault_window
.Lfault_end_window_2:
	vmovdqa64 %zmm18, %zmm16
	subq	$64, %rax
	first_lines_stored
	jmp	.Lfault_window
.Lfault_end_window_1:
	vmovdqa64 %zmm17, %zmm16
	subq	$128, %rax
	first_lines_stored
	jmp	.Lfault_window
.Lfault_end_window_0:
	subq	$192, %rax
	first_lines_stored
	jmp	.Lfault_window

	/* Invariant: as above, and a line failed that was read before. */
.Lfault_end_start:
	first_lines_stored
	jmp	.Lfault_byte

	/*
	 * Invariant: the windows before window k from %rax on are stored. The line in which window
	 * k begins is in zmm 16 + k, rotated. The line in which it ends was not read.
	 */
.Lfault_last_line_4:
	vmovdqa64 %zmm20, %zmm16
	addq	$256, %rax
	subq	dst, %rax
	jmp	.Lfault_line
.Lfault_last_line_3:
	vmovdqa64 %zmm19, %zmm16
	addq	$192, %rax
	subq	dst, %rax
	jmp	.Lfault_line
.Lfault_last_line_2:
	vmovdqa64 %zmm18, %zmm16
	addq	$128, %rax
	subq	dst, %rax
	jmp	.Lfault_line
.Lfault_last_line_1:
	vmovdqa64 %zmm17, %zmm16
	addq	$64, %rax
	subq	dst, %rax
	jmp	.Lfault_line
.Lfault_last_line_0:
	subq	dst, %rax
	jmp	.Lfault_line

	/* Invariant: the windows before window k from %rax on are stored; it is in zmm 16 + k. */
.Lfault_last_window_4:
	vmovdqa64 %zmm20, %zmm16
	addq	$256, %rax
	subq	dst, %rax
	jmp	.Lfault_window
.Lfault_last_window_3:
	vmovdqa64 %zmm19, %zmm16
	addq	$192, %rax
	subq	dst, %rax
	jmp	.Lfault_window
.Lfault_last_window_2:
	vmovdqa64 %zmm18, %zmm16
	addq	$128, %rax
	subq	dst, %rax
	jmp	.Lfault_window
.Lfault_last_window_1:
	vmovdqa64 %zmm17, %zmm16
	addq	$64, %rax
	subq	dst, %rax
	jmp	.Lfault_window
.Lfault_last_window_0:
	subq	dst, %rax
	jmp	.Lfault_window

#define AGAIN mcsafe__copy_avx512
#define FENCE
#include "fixups_avx512.inc"
endfunc mcsafe__copy_avx512
