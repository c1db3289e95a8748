/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tracee.c - let a stopped thread make a system call, or one step, for the tracer
 *
 * The call is made by a system call instruction that the program has anyway: in the vDSO, or in its
 * code. PTRACE_SYSCALL stops the thread before and after the call. All signals that an access
 * cannot raise are blocked meanwhile (PTRACE_SETSIGMASK), so no handler of the program runs. A
 * blocked signal of an access would be worse: the kernel would reset its action, and kill.
 */
#include "run/tracee.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/tool.h"
#include "run/events.h"
#include "run/proc.h"
#include "run/tracer.h"

#define SIGMASK_SIZE ((void *)(uintptr_t)8) /* of the kernel's sigset_t */

/* ---- its memory ------------------------------------------------------------------------------ */

bool tracee_read(pid_t tid, uintptr_t at, void *to, size_t n)
{
	struct iovec local = {to, n}, remote = {(void *)at, n};

	return process_vm_readv(tid, &local, 1, &remote, 1, 0) == (ssize_t)n;
}

bool tracee_write(pid_t tid, uintptr_t at, const void *from, size_t n)
{
	char path[64];
	ssize_t done;
	int fd;

	/* A tracer may write through this file where the thread itself may not: proc_pid_mem(5). */
	snprintf(path, sizeof(path), "/proc/%d/mem", tid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = pwrite(fd, from, n, (off_t)at);
	close(fd);
	return done == (ssize_t)n;
}

/* ---- a system call instruction of the program ------------------------------------------------ */

struct found {
	pid_t tid;
	const unsigned char *bytes; /* two */
	uintptr_t at;
};

static bool look_in(struct found *found, uintptr_t start, uintptr_t end)
{
	unsigned char buffer[4096];

	for (; start < end; start += sizeof(buffer)) {
		if (!tracee_read(found->tid, start, buffer, sizeof(buffer)))
			return false;
		for (size_t i = 0; i + 1 < sizeof(buffer); i++)
			if (buffer[i] == found->bytes[0] && buffer[i + 1] == found->bytes[1]) {
				found->at = start + i;
				return true;
			}
	}
	return false;
}

/* Look through all code of the program, the vDSO first: that is short, and not a file. */
static uintptr_t find_instruction(pid_t tid, const unsigned char bytes[2])
{
	struct found found = {.tid = tid, .bytes = bytes};
	char path[64], *line = NULL;
	size_t room = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", tid);
	for (int pass = 0; found.at == 0 && pass < 2; pass++) {
		maps = fopen(path, "re");
		if (maps == NULL)
			break;
		while (found.at == 0 && getline(&line, &room, maps) > 0) {
			char perms[5], *end;
			uintptr_t start = strtoul(line, &end, 16), stop;

			if (*end != '-')
				continue;
			stop = strtoul(end + 1, &end, 16);
			snprintf(perms, sizeof(perms), "%s", end + 1);
			if (perms[0] != 'r' || perms[2] != 'x')
				continue;
			if (strstr(line, "[vsyscall]") == NULL &&
			    (pass == 1 || strstr(line, "[vdso]") != NULL))
				(void)look_in(&found, start, stop);
		}
		fclose(maps);
	}
	free(line);
	return found.at;
}

static const unsigned char instruction_64[2] = {0x0f, 0x05}; /* syscall */
static const unsigned char instruction_32[2] = {0xcd, 0x80}; /* int $0x80 */

/* 0: there is none. */
static uintptr_t instruction_for(struct task *task, bool is_32)
{
	const unsigned char *bytes = is_32 ? instruction_32 : instruction_64;
	uintptr_t *at = is_32 ? &task->space->syscall_32_at : &task->space->syscall_at;
	unsigned char now[2];

	if (*at == 0 || !tracee_read(task->tid, *at, now, 2) || memcmp(now, bytes, 2) != 0)
		*at = find_instruction(task->tid, bytes);
	return *at;
}

/* ---- stops ----------------------------------------------------------------------------------- */

/* What came while the thread worked for the tracer, and must come to it afterwards. */
struct later {
	bool has_stop; /* a stop of job control */
	bool has_sigstop;
};

static bool is_stop_of_control(int status)
{
	return status >> 16 == PTRACE_EVENT_STOP;
}

/* Let the thread run up to the next stop that is not one of job control. False: it is gone. */
static bool run_to_stop(struct task *task, enum __ptrace_request request, struct later *later,
			int *status)
{
	for (;;) {
		if (ptrace(request, task->tid, NULL, NULL) != 0 && errno == ESRCH) {
			/* It was killed. The event of its end comes to the tracer. */
			return false;
		}
		if (!events_wait(task->tid, status))
			return false;
		if (!WIFSTOPPED(*status) || *status >> 16 == PTRACE_EVENT_EXEC ||
		    *status >> 16 == PTRACE_EVENT_EXIT) {
			events_put_aside(task->tid, *status);
			return false;
		}
		if (is_stop_of_control(*status))
			later->has_stop = true;
		else if (WSTOPSIG(*status) == SIGSTOP)
			later->has_sigstop = true; /* nothing blocks it */
		else
			return true;
	}
}

static void deliver_later(struct task *task, const struct later *later)
{
	if (later->has_sigstop)
		syscall(SYS_tgkill, tasks_pid(task), task->tid, SIGSTOP);
	/* The thread reports its state again when it goes on. */
	if (later->has_stop)
		ptrace(PTRACE_INTERRUPT, task->tid, NULL, NULL);
}

/* All signals but those that the kernel forces on a thread. */
static uint64_t blocked_mask(void)
{
	static const int forced[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
	uint64_t mask = ~UINT64_C(0);

	for (size_t i = 0; i < sizeof(forced) / sizeof(forced[0]); i++)
		mask &= ~(UINT64_C(1) << (forced[i] - 1));
	return mask;
}

/* What is put back when the work is done. */
struct kept {
	struct user_regs_struct regs;
	uint64_t mask;
};

static bool keep(const struct task *task, struct kept *kept)
{
	uint64_t mask = blocked_mask();

	return ptrace(PTRACE_GETREGS, task->tid, NULL, &kept->regs) == 0 &&
	       ptrace(PTRACE_GETSIGMASK, task->tid, SIGMASK_SIZE, &kept->mask) == 0 &&
	       ptrace(PTRACE_SETSIGMASK, task->tid, SIGMASK_SIZE, &mask) == 0;
}

static void put_back(const struct task *task, const struct kept *kept, bool registers)
{
	if (registers)
		ptrace(PTRACE_SETREGS, task->tid, NULL, &kept->regs);
	ptrace(PTRACE_SETSIGMASK, task->tid, SIGMASK_SIZE, &kept->mask);
}

/* ---- a system call --------------------------------------------------------------------------- */

static void set_registers_64(struct user_regs_struct *regs, enum call call, const uint64_t args[4])
{
	static const long numbers[] = {[CALL_MMAP] = SYS_mmap,
				       [CALL_MPROTECT] = SYS_mprotect,
				       [CALL_MADVISE] = SYS_madvise};

	regs->rax = (unsigned long)numbers[call];
	regs->rdi = args[0];
	regs->rsi = args[1];
	regs->rdx = args[2];
	regs->r10 = args[3];
	regs->r8 = UINT64_MAX; /* no descriptor */
	regs->r9 = 0;
}

/* The numbers of mmap2, mprotect and madvise for 32-bit programs (asm/unistd_32.h). */
static void set_registers_32(struct user_regs_struct *regs, enum call call, const uint64_t args[4])
{
	static const unsigned numbers[] = {
		[CALL_MMAP] = 192, [CALL_MPROTECT] = 125, [CALL_MADVISE] = 219};

	regs->rax = numbers[call];
	regs->rbx = args[0];
	regs->rcx = args[1];
	regs->rdx = args[2];
	regs->rsi = args[3];
	regs->rdi = UINT32_MAX;
	regs->rbp = 0;
}

#define IS_SYSCALL_STOP(status) (WSTOPSIG(status) == (SIGTRAP | 0x80)) /* PTRACE_O_TRACESYSGOOD */

static enum made make_call(struct task *task, struct later *later, int64_t *result, bool is_32)
{
	struct user_regs_struct regs;
	uint64_t number;
	int status;

	if (!run_to_stop(task, PTRACE_SYSCALL, later, &status))
		return MADE_GONE;
	if (!IS_SYSCALL_STOP(status))
		return MADE_NOT;
	if (ptrace(PTRACE_GETREGS, task->tid, NULL, &regs) != 0)
		return MADE_GONE;
	number = regs.orig_rax;
	if (!run_to_stop(task, PTRACE_SYSCALL, later, &status))
		return MADE_GONE;
	if (!IS_SYSCALL_STOP(status))
		return MADE_NOT;
	if (ptrace(PTRACE_GETREGS, task->tid, NULL, &regs) != 0)
		return MADE_GONE;
	*result = (int64_t)regs.rax;
	if (is_32 && (uint32_t)regs.rax > (uint32_t)-4096)
		*result = (int32_t)regs.rax;
	/* SECCOMP_RET_TRAP leaves the number in the register, and queues SIGSYS. */
	if ((uint64_t)*result == number) {
		task->has_sigsys = true;
		return MADE_FILTERED;
	}
	return MADE;
}

enum made tracee_call(struct task *task, enum call call, const uint64_t args[4], int64_t *result)
{
	struct user_regs_struct regs;
	struct later later = {false, false};
	uintptr_t instruction;
	struct kept kept;
	enum made made;
	bool is_32;

	if (!keep(task, &kept))
		return MADE_GONE;
	regs = kept.regs;
	is_32 = regs.cs == TRACEE_CODE_32;
	instruction = instruction_for(task, is_32);
	if (instruction == 0) {
		put_back(task, &kept, false);
		return MADE_NOT;
	}
	(is_32 ? set_registers_32 : set_registers_64)(&regs, call, args);
	regs.rip = instruction;
	regs.orig_rax = UINT64_MAX; /* no call was interrupted: the kernel restarts none */
	if (ptrace(PTRACE_SETREGS, task->tid, NULL, &regs) != 0)
		return MADE_GONE;
	/* Only the system's administrator may do this: then filters do not see the call. */
	ptrace(PTRACE_SETOPTIONS, task->tid, NULL,
	       (void *)(uintptr_t)(TRACER_OPTIONS | PTRACE_O_SUSPEND_SECCOMP));
	made = make_call(task, &later, result, is_32);
	if (made == MADE_GONE)
		return made;
	ptrace(PTRACE_SETOPTIONS, task->tid, NULL, (void *)(uintptr_t)TRACER_OPTIONS);
	put_back(task, &kept, true);
	deliver_later(task, &later);
	return made;
}

/* ---- a step ---------------------------------------------------------------------------------- */

static enum step what_came(const struct task *task, int status, uintptr_t start, uintptr_t end)
{
	siginfo_t info;
	uintptr_t at;

	if (ptrace(PTRACE_GETSIGINFO, task->tid, NULL, &info) != 0)
		return STEP_GONE;
	if (WSTOPSIG(status) == SIGTRAP && info.si_code == TRAP_TRACE)
		return STEP_DONE;
	at = (uintptr_t)info.si_addr;
	if (WSTOPSIG(status) == SIGSEGV && info.si_code == SEGV_ACCERR && at >= start && at < end)
		return STEP_FAULT;
	return STEP_OTHER;
}

enum step tracee_step(struct task *task, uintptr_t start, uintptr_t end)
{
	struct later later = {false, false};
	struct kept kept;
	enum step step;
	int status;

	if (!keep(task, &kept))
		return STEP_GONE;
	if (!run_to_stop(task, PTRACE_SINGLESTEP, &later, &status))
		return STEP_GONE;
	step = what_came(task, status, start, end);
	put_back(task, &kept, false);
	deliver_later(task, &later);
	return step;
}

/* ---- the other threads ----------------------------------------------------------------------- */

struct others {
	const struct task *task;
	struct task **at;
	size_t count, room;
};

static void interrupt(struct task *task, void *arg)
{
	struct others *others = arg;

	/* A thread that is stopped already stays so until its event is taken. */
	if (task == others->task || task->space != others->task->space || task->is_held ||
	    task->is_in_stop || events_has(task->tid))
		return;
	if (ptrace(PTRACE_INTERRUPT, task->tid, NULL, NULL) != 0)
		return;
	if (others->count == others->room) {
		size_t room = others->room != 0 ? others->room * 2 : 16;
		struct task **more = tool_alloc(room, sizeof(struct task *));

		if (others->count > 0)
			memcpy(more, others->at, others->count * sizeof(struct task *));
		free(others->at);
		others->at = more;
		others->room = room;
	}
	others->at[others->count++] = task;
}

/* Whether the thread has stopped, or cannot run now. In the kernel it can sleep for as long as a
 * server does not answer, or until a child of vfork(2) has ended, which is stopped too. It stops
 * before it returns from there. */
static bool has_stopped(pid_t tid)
{
	int status;
	pid_t got = waitpid(tid, &status, __WALL | WNOHANG);

	if (got == tid)
		events_put_aside(tid, status);
	return got != 0 || proc_is_idle(tid);
}

void tracee_stop_others(struct task *task)
{
	struct others others = {.task = task};

	if (task->space->users < 2)
		return;
	tasks_each(interrupt, &others);
	while (others.count > 0) {
		for (size_t i = 0; i < others.count;)
			if (has_stopped(others.at[i]->tid))
				others.at[i] = others.at[--others.count];
			else
				i++;
		if (others.count > 0)
			usleep(50);
	}
	free(others.at);
}
