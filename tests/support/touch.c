/* SPDX-License-Identifier: BSD-3-Clause */
/* touch.c - instructions of known address that access memory */
#include "touch.h"

#define ASM_FUNCTION(name, insn)                  \
 __asm__(".pushsection .text\n"                   \
	 ".globl " name "\n"                      \
	 ".type " name ", @function\n" name ":\n" \
	 "	.cfi_startproc\n"                      \
	 "	" insn "\n"                       \
	 "	ret\n"                                 \
	 "	.cfi_endproc\n"                        \
	 ".size " name ", . - " name "\n"         \
	 ".popsection\n")

ASM_FUNCTION("t_read_byte", "movb (%rdi), %al");
ASM_FUNCTION("t_write_byte", "movb $0, (%rdi)");
ASM_FUNCTION("t_jump", "jmp *%rdi");
