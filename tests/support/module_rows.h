/* SPDX-License-Identifier: BSD-3-Clause */
/* module_rows.h - accesses with rows that are not the library's, in the program and in an object */
#ifndef MCSAFE_TESTS_MODULE_ROWS_H
#define MCSAFE_TESTS_MODULE_ROWS_H

#include <mcsafe/extable.h>

/* What the fixup found in %r9 to %r11. */
struct t_registers {
	uint64_t r9, r10, r11;
};

/* insn has (p) as its memory operand. result: 0, or 1 if it failed; *registers is set then. */
#define T_TRY(result, registers, p, kind, insn)      \
 __asm__ volatile("	xorl	%k[failed], %k[failed]\n"   \
		  "71:	" insn "\n"                  \
		  "	jmp	73f\n"                       \
		  "72:	movq	%%r9, (%[to])\n"         \
		  "	movq	%%r10, 8(%[to])\n"          \
		  "	movq	%%r11, 16(%[to])\n"         \
		  "	movl	$1, %k[failed]\n"           \
		  "73:\n" MCSAFE_ROW(71b, 72b, kind) \
		  : [failed] "=&a"(result)           \
		  : [p] "r"(p), [to] "r"(registers)  \
		  : "r9", "r10", "r11", "rdx", "cc", "memory")

#endif /* MCSAFE_TESTS_MODULE_ROWS_H */
