/* SPDX-License-Identifier: BSD-3-Clause */
/* syscalls.c - system calls that fail because their buffer has a lost page (--system-calls) */
#include "run/syscalls.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include "base/page.h"
#include "run/tracee.h"

/* Whether the call has a buffer that it reads, as the second argument, with its length as the
 * third. 32-bit programs are left out. */
static bool reads_buffer(const struct user_regs_struct *regs)
{
	return regs->cs != TRACEE_CODE_32 &&
	       (regs->orig_rax == SYS_write || regs->orig_rax == SYS_pwrite64 ||
		regs->orig_rax == SYS_sendto);
}

/* Find the first byte of a buffer that cannot be read. False: there is none. */
static bool find_lost(pid_t tid, uintptr_t *at, uintptr_t end)
{
	unsigned char byte;

	for (; *at < end; *at = mcsafe__down(*at, MCSAFE__PAGE) + MCSAFE__PAGE)
		if (!tracee_read(tid, *at, &byte, 1))
			return true;
	return false;
}

enum answer syscalls_answer(struct task *task)
{
	struct user_regs_struct regs;
	struct __ptrace_syscall_info info;
	enum answer answer;
	uintptr_t at;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, sizeof(info), &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_EXIT || info.exit.rval != -EFAULT ||
	    ptrace(PTRACE_GETREGS, task->tid, NULL, &regs) != 0 || !reads_buffer(&regs))
		return ANSWER_AGAIN;
	at = regs.rsi;
	if (mcsafe__wraps(at, regs.rdx) || !find_lost(task->tid, &at, at + regs.rdx))
		return ANSWER_AGAIN;
	answer = stand_in_for_call(task, at);
	if (answer != ANSWER_AGAIN)
		return answer == ANSWER_DELIVER ? ANSWER_AGAIN : answer;
	/* The instruction is two bytes long. No interrupted call is restarted. */
	regs.rax = regs.orig_rax;
	regs.rip -= 2;
	regs.orig_rax = UINT64_MAX;
	ptrace(PTRACE_SETREGS, task->tid, NULL, &regs);
	return ANSWER_AGAIN;
}
