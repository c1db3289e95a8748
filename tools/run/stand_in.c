/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stand_in.c - answer the SIGBUS of a thread: put pages in the place of those that were lost
 *
 * All other threads of the address space are stopped meanwhile, so none can map something else
 * there, and none sees a page before it is filled.
 */
#include "run/stand_in.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <unistd.h>

#include "base/page.h"
#include "common/tool.h"
#include "run/lost.h"
#include "run/mapping.h"
#include "run/plan.h"
#include "run/told.h"
#include "run/tracee.h"

#ifndef MADV_POPULATE_READ
# define MADV_POPULATE_READ  22
# define MADV_POPULATE_WRITE 23
#endif

struct stand_in_options stand_in_options = {.mirror_fd = -1};

/* What is known about a fault, and what is planned. */
struct fault {
	struct task *task;
	const siginfo_t *info;
	struct proc proc;
	struct mapping mapping;
	uintptr_t page;
	struct plan plan;
	bool is_poison, is_readable;
	bool is_call; /* the kernel has met the page, in a system call that reads it */
	struct lost_file lost_file;
	struct lost_range lost;
};

/* ---- what is told once for each address space ------------------------------------------------ */

/* Bits of `said`. */
static unsigned bit_of(enum told told)
{
	return 1u << told;
}

static void tell(const struct fault *fault, enum told told, int error)
{
	struct space *space = fault->task->space;
	char name[COMM];

	if (space->said & bit_of(told))
		return;
	space->said |= bit_of(told);
	proc_name(fault->proc.pid, name);
	told_tell(told, name, fault->proc.pid, error);
}

/* ---- whether it is a loss -------------------------------------------------------------------- */

/* Whether the instruction may run again although nobody knows that it will not fail. That may not
 * happen for ever. */
static bool may_retry(struct fault *fault)
{
	struct task *task = fault->task;
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, task->tid, NULL, &regs) != 0)
		return false;
	for (size_t i = 0; i < RETRIES; i++)
		if (task->retried[i].page == fault->page &&
		    task->retried[i].instruction == regs.rip) {
			task->retried[i].page = 0;
			return false;
		}
	task->retried[task->retries % RETRIES].page = fault->page;
	task->retried[task->retries % RETRIES].instruction = regs.rip;
	task->retries++;
	return true;
}

/* Whether the page can be accessed now, as the kernel says. That accesses none of its bytes. */
static bool can_populate(const struct fault *fault, bool for_write)
{
	const uint64_t args[4] = {fault->page, MCSAFE__PAGE,
				  for_write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ, 0};
	int64_t result;

	/* A filter that allows mmap(2) may kill for this. */
	return fault->proc.seccomp == 0 &&
	       tracee_call(fault->task, CALL_MADVISE, args, &result) == MADE && result == 0;
}

/* Whether the page of a file can be read. From Linux 5.14 to 6.8, MADV_POPULATE_READ would try for
 * ever if the medium cannot be read, so a byte is read. */
static bool can_read(const struct fault *fault)
{
	char byte;

	return tracee_read(fault->task->tid, fault->page, &byte, 1);
}

static bool is_executed(struct fault *fault)
{
	struct space *space = fault->task->space;
	const struct mcsafe__vma *vma = &fault->mapping.vma;
	struct own_file *own;

	for (size_t i = 0; i < OWN_FILES; i++)
		if (space->own[i].inode == vma->inode && space->own[i].device == vma->device &&
		    vma->inode != 0)
			return space->own[i].is_executed;
	own = &space->own[space->own_count++ % OWN_FILES];
	own->inode = vma->inode;
	own->device = vma->device;
	own->is_executed = mapping_is_executed(fault->proc.pid, &fault->mapping);
	return own->is_executed;
}

/* Whether stand-ins are allowed there at all. */
static bool is_allowed(struct fault *fault)
{
	const struct mapping *mapping = &fault->mapping;

	if (mapping->vma.prot & PROT_EXEC) {
		tell(fault, TOLD_CODE, 0);
		return false;
	}
	if (mapping->vma.prot == PROT_NONE)
		return false;
	if (mapping_is_private_memory(mapping))
		return fault->is_poison;
	if (is_executed(fault)) {
		tell(fault, TOLD_OWN_FILE, 0);
		return false;
	}
	return true;
}

/* ---- what is lost ---------------------------------------------------------------------------- */

/* Find what is replaced, and why it was lost. */
static void plan(struct fault *fault)
{
	const struct mcsafe__vma *vma = &fault->mapping.vma;
	struct mapped_file file;

	if (fault->is_poison) {
		fault->plan = plan_poison(vma, fault->page, (unsigned)fault->info->si_addr_lsb);
		return;
	}
	mapping_ask_file(fault->proc.pid, &fault->mapping, &file);
	fault->plan = plan_file(vma, fault->page, &file, stand_in_options.mirror != NULL);
}

/* ---- replace it ------------------------------------------------------------------------------ */

static bool fill_from_mirror(struct fault *fault, char *bytes)
{
	struct mirror_error error;
	bool filled = plan_fill(&fault->plan, &fault->mapping.vma, fault->page,
				stand_in_options.mirror_fd, bytes, &error);

	if (error.error != 0)
		lost_note("%s: at offset %" PRIu64 ": %s", stand_in_options.mirror, error.at,
			  strerror(error.error));
	return filled;
}

/* A mirror is of one file: the first of which something was lost. */
static bool has_mirror(const struct fault *fault)
{
	return stand_in_options.mirror != NULL && !fault->lost_file.is_memory &&
	       (lost_files == NULL || (lost_files->inode == fault->lost_file.inode &&
				       lost_files->device == fault->lost_file.device));
}

/* The bytes of the stand-in; NULL: zeros. */
static char *content(struct fault *fault)
{
	size_t n = fault->plan.end - fault->plan.start;
	char *bytes;

	if (fault->is_readable) {
		bytes = tool_alloc(1, n);
		if (tracee_read(fault->task->tid, fault->plan.start, bytes, n)) {
			fault->lost.fill = LOST_CONTENT;
			return bytes;
		}
		free(bytes);
	}
	if (!has_mirror(fault))
		return NULL;
	bytes = tool_alloc(1, n);
	if (fill_from_mirror(fault, bytes)) {
		fault->lost.fill = LOST_MIRROR;
		return bytes;
	}
	free(bytes);
	return NULL;
}

static void tell_refused(const struct fault *fault, enum made made, int64_t result)
{
	if (made == MADE_FILTERED || (fault->proc.seccomp != 0 && result != -ENOMEM))
		tell(fault, TOLD_SECCOMP, 0);
	else if (made == MADE_NOT)
		tell(fault, TOLD_NO_CALL, 0);
	else
		tell(fault, TOLD_MMAP, (int)-result);
}

/* A call in the thread has taken its signal away. The instruction raises it again, for the program
 * this time. */
static enum answer give_up(const struct fault *fault)
{
	fault->task->give_up_at = fault->page;
	return ANSWER_AGAIN;
}

/* Have the thread map anonymous memory over the plan. */
static enum answer map(struct fault *fault, int prot)
{
	uint64_t args[4] = {fault->plan.start, fault->plan.end - fault->plan.start, (uint64_t)prot,
			    MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE};
	const size_t page = fault->mapping.vma.page;
	int64_t result = 0;
	enum made made = tracee_call(fault->task, CALL_MMAP, args, &result);

	/* Under strict accounting of memory there may be enough for a part. */
	if (made == MADE && result == -ENOMEM && args[1] > page) {
		plan_one_page(&fault->plan, &fault->mapping.vma, fault->page);
		args[0] = fault->plan.start;
		args[1] = page;
		made = tracee_call(fault->task, CALL_MMAP, args, &result);
	}
	if (made == MADE && result == (int64_t)fault->plan.start)
		return ANSWER_AGAIN;
	if (made == MADE_GONE) {
		if (fault->proc.seccomp != 0)
			lost_note("process %d has a seccomp filter, and ended when mmap(2) was "
				  "tried in it",
				  fault->proc.pid);
		return ANSWER_GONE;
	}
	tell_refused(fault, made, result);
	return give_up(fault);
}

static bool can_step(const struct fault *fault)
{
	/* The signal of the step would reset an ignored SIGTRAP, and a filter that allows mmap(2)
	 * may kill for mprotect(2). */
	return fault->proc.seccomp == 0 && !proc_has(fault->proc.ignored, SIGTRAP) &&
	       !proc_has(fault->proc.ignored, SIGSEGV);
}

/* Find out whether the access is a read or a write: while the stand-in is read-only, the
 * instruction runs alone. Then give the stand-in the protection of the mapping. */
static enum answer watch_access(struct fault *fault)
{
	const struct mcsafe__vma *vma = &fault->mapping.vma;
	const uint64_t args[4] = {fault->plan.start, fault->plan.end - fault->plan.start,
				  (uint64_t)vma->prot, 0};
	enum step step = tracee_step(fault->task, fault->plan.start, fault->plan.end);
	int64_t result = 0;
	enum made made;

	fault->lost.access = step == STEP_FAULT ? LOST_WRITTEN : LOST_READ_AT_LEAST;
	if (step == STEP_GONE)
		return ANSWER_GONE;
	made = tracee_call(fault->task, CALL_MPROTECT, args, &result);
	if (made == MADE_GONE)
		return ANSWER_GONE;
	/* A filter may forbid this call alone. */
	if (made != MADE || result != 0)
		return map(fault, vma->prot);
	return ANSWER_AGAIN;
}

static enum answer replace(struct fault *fault)
{
	const struct mcsafe__vma *vma = &fault->mapping.vma;
	bool can_write = vma->prot & PROT_WRITE;
	bool steps = can_write && !fault->is_call && !fault->is_readable && can_step(fault);
	char *bytes = content(fault);
	const uintptr_t first = fault->plan.start; /* whose content `bytes` begins with */
	enum answer answer;

	if (!can_write)
		fault->lost.access = LOST_READ;
	else if (fault->is_call)
		fault->lost.access = LOST_READ_AT_LEAST;
	else
		fault->lost.access = fault->is_readable ? LOST_WRITTEN : LOST_UNKNOWN;
	answer = map(fault, steps ? PROT_READ : vma->prot);
	if (answer == ANSWER_AGAIN && fault->task->give_up_at == 0) {
		if (bytes != NULL && !tracee_write(fault->task->tid, fault->plan.start,
						   bytes + (fault->plan.start - first),
						   fault->plan.end - fault->plan.start))
			fault->lost.fill = LOST_ZEROS;
		if (steps)
			answer = watch_access(fault);
	}
	free(bytes);
	return answer;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void record(struct fault *fault)
{
	const struct mcsafe__vma *vma = &fault->mapping.vma;
	uintptr_t shift = fault->lost_file.is_memory ? 0 : vma->offset - vma->start;

	fault->lost.start = fault->plan.start + shift;
	fault->lost.reason = fault->plan.reason;
	fault->lost.length = fault->plan.end - fault->plan.start;
	fault->lost.pid = fault->proc.pid;
	lost_add(&fault->lost_file, &fault->lost);
}

/* Only an access of this thread raises these. The kernel keeps others from being sent with them. */
static bool is_of_access(const siginfo_t *info)
{
	return info->si_code == BUS_ADRERR || info->si_code == BUS_OBJERR ||
	       info->si_code == BUS_MCEERR_AR;
}

/* Whether the thread gets its signal before anything is asked about the memory. */
static bool is_left_alone(struct fault *fault)
{
	struct task *task = fault->task;

	if (task->give_up_at == fault->page) {
		task->give_up_at = 0;
		return true;
	}
	if (!proc_read(task->tid, &fault->proc))
		return true;
	if (recovers_itself(task, &fault->proc, stand_in_options.handlers))
		return true;
	/* Strict mode allows four system calls, and kills for any other one. */
	if (fault->proc.seccomp == 1) {
		tell(fault, TOLD_STRICT, 0);
		return true;
	}
	return false;
}

/* Look at the memory. ANSWER_STOP: it is a loss. */
static enum answer judge(struct fault *fault)
{
	struct mapping *mapping = &fault->mapping;
	int err = mapping_find(fault->proc.pid, fault->page, mapping);
	bool can_write;

	if (err != 0) {
		if (err != ENOENT)
			tell(fault, TOLD_PROC, 0);
		return ANSWER_DELIVER;
	}
	can_write = mapping->vma.prot & PROT_WRITE;
	/* Another thread has met the same page at the same time, or has mapped memory there. Such
	 * memory can fail too, if the program has asked userfaultfd(2) for that. */
	if (mapping_is_private_memory(mapping) && !fault->is_poison && mapping->vma.inode == 0)
		return can_populate(fault, can_write) || may_retry(fault) ? ANSWER_AGAIN
									  : give_up(fault);
	if (!is_allowed(fault))
		return ANSWER_DELIVER;
	/* The machine check of a page that the kernel has not unmapped would come again and again:
	 * such a page is not touched. */
	fault->is_readable = !fault->is_poison && can_read(fault);
	if (!fault->is_readable)
		return ANSWER_STOP;
	/* The file may be whole again. If the access fails once more, it was a write, and the file
	 * system takes none. */
	if (!can_write || may_retry(fault) || can_populate(fault, true))
		return ANSWER_AGAIN;
	return ANSWER_STOP;
}

/* Replace what judge() has called a loss. */
static enum answer answer_loss(struct fault *fault)
{
	enum answer answer;

	fault->lost_file = (struct lost_file){
		.path = fault->mapping.path,
		.is_deleted = fault->mapping.is_deleted,
		.is_memory = mapping_is_private_memory(&fault->mapping),
		.inode = fault->mapping.vma.inode,
		.device = fault->mapping.vma.device,
	};
	proc_name(fault->proc.pid, fault->lost.process);
	plan(fault);
	if (stand_in_options.stops) {
		fault->lost.access =
			fault->mapping.vma.prot & PROT_WRITE ? LOST_UNKNOWN : LOST_READ;
		fault->lost.fill = LOST_NOTHING;
		record(fault);
		return ANSWER_STOP;
	}
	answer = replace(fault);
	if (answer != ANSWER_GONE && fault->task->give_up_at == 0)
		record(fault);
	return answer;
}

enum answer stand_in_answer(struct task *task, const siginfo_t *info)
{
	struct fault fault = {
		.task = task,
		.info = info,
		.page = mcsafe__down((uintptr_t)info->si_addr, MCSAFE__PAGE),
		.is_poison = info->si_code == BUS_MCEERR_AR,
	};
	enum answer answer;

	if (!is_of_access(info) || is_left_alone(&fault))
		return ANSWER_DELIVER;
	tracee_stop_others(task);
	answer = judge(&fault);
	return answer == ANSWER_STOP ? answer_loss(&fault) : answer;
}

enum answer stand_in_for_call(struct task *task, uintptr_t at)
{
	static const siginfo_t none;
	struct fault fault = {
		.task = task,
		.info = &none,
		.page = mcsafe__down(at, MCSAFE__PAGE),
		.is_call = true,
	};
	enum answer answer;

	if (!proc_read(task->tid, &fault.proc) || fault.proc.seccomp == 1)
		return ANSWER_DELIVER;
	tracee_stop_others(task);
	answer = judge(&fault);
	if (answer != ANSWER_STOP)
		return answer;
	answer = answer_loss(&fault);
	if (answer == ANSWER_AGAIN && task->give_up_at != 0) {
		/* No signal follows. */
		task->give_up_at = 0;
		return ANSWER_DELIVER;
	}
	return answer;
}
