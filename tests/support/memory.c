/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.c - memory that cannot be touched, and instructions of known address that touch it */
#include "memory.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"

struct t_memory t_memory(enum t_kind kind)
{
	struct t_memory memory = {.kind = kind, .fd = memfd_create("mcsafe test", MFD_CLOEXEC)};

	CHECK_GE(memory.fd, 0);
	CHECK_EQ(ftruncate(memory.fd, 2 * T_PAGE), 0);
	memory.good = mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory.fd, 0);
	CHECK_PTR_NE(memory.good, MAP_FAILED);
	memory.bad = memory.good + T_PAGE;
	for (size_t i = 0; i < 2 * T_PAGE; i++)
		memory.good[i] = (char)(i * 7 + 1);
	t_spoil(&memory);
	return memory;
}

static void set(const struct t_memory *memory, int prot, off_t size)
{
	int saved_errno = errno;

	if (memory->kind == T_PROTECTED)
		CHECK_EQ(mprotect(memory->bad, T_PAGE, prot), 0);
	else
		CHECK_EQ(ftruncate(memory->fd, size), 0);
	errno = saved_errno;
}

void t_heal(const struct t_memory *memory)
{
	set(memory, PROT_READ | PROT_WRITE, 2 * T_PAGE);
}

void t_spoil(const struct t_memory *memory)
{
	set(memory, PROT_NONE, T_PAGE);
}

int t_signo(enum t_kind kind)
{
	return kind == T_PROTECTED ? SIGSEGV : SIGBUS;
}

int t_code(enum t_kind kind)
{
	return kind == T_PROTECTED ? SEGV_ACCERR : BUS_ADRERR;
}

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
