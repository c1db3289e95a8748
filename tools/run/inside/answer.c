/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * answer.c - put pages in the place of those that were lost
 *
 * The same as stand_in.c, from inside. Other threads go on: none sees a stand-in before it is
 * filled, because it is filled elsewhere and moved to its place.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/page.h"
#include "base/trap.h"
#include "run/inside/inside.h"
#include "run/mapping.h"
#include "run/plan.h"

/* The kernel's calls: memory.c has those of libc. */
static long map(uintptr_t at, size_t n, int prot, int flags)
{
	return syscall(SYS_mmap, at, n, prot, flags | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);
}

static void unmap(uintptr_t at, size_t n)
{
	syscall(SYS_munmap, at, n);
}

struct fault {
	const siginfo_t *info;
	uintptr_t page, instruction;
	bool is_poison, is_readable;
	enum { IS_READ, IS_WRITE, IS_UNKNOWN } access;
	uint32_t file;
	struct plan plan;
	struct lost_range lost;
};

/* Under the lock. */
static struct mapping mapping;

/* ---- whether it is a loss -------------------------------------------------------------------- */

/* Whether the instruction may run again although nobody knows that it will not fail. That may not
 * happen for ever. */
static bool may_retry(const struct fault *fault)
{
	struct inside_process *process = inside_process;
	const int thread = inside_thread();
	unsigned next;

	for (unsigned i = 0; i < RETRIES; i++)
		if (process->retried[i].page == fault->page &&
		    process->retried[i].instruction == fault->instruction &&
		    process->retried[i].thread == thread) {
			process->retried[i].page = 0;
			return false;
		}
	next = process->retries++ % RETRIES;
	process->retried[next].page = fault->page;
	process->retried[next].instruction = fault->instruction;
	process->retried[next].thread = thread;
	return true;
}

/* Read memory through the kernel: an access that fails raises no signal. */
static bool read_memory(uintptr_t at, void *to, size_t n)
{
	int fd = mcsafe__above_standard(open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
	size_t done = 0;
	ssize_t got = 1;

	if (fd < 0)
		return false;
	while (done < n && got > 0) {
		got = pread(fd, (char *)to + done, n - done, (off_t)(at + done));
		if (got > 0)
			done += (size_t)got;
		else if (got < 0 && errno == EINTR)
			got = 1;
	}
	close(fd);
	return done == n;
}

static bool can_read(uintptr_t page)
{
	char byte;

	return read_memory(page, &byte, 1);
}

static bool is_executed(void)
{
	struct inside_process *process = inside_process;
	const struct mcsafe__vma *vma = &mapping.vma;
	unsigned next;

	for (unsigned i = 0; i < OWN_FILES; i++)
		if (process->own[i].inode == vma->inode && process->own[i].device == vma->device &&
		    vma->inode != 0)
			return process->own[i].is_executed;
	next = process->own_count++ % OWN_FILES;
	process->own[next].inode = vma->inode;
	process->own[next].device = vma->device;
	process->own[next].is_executed = mapping_is_executed(0, &mapping);
	return process->own[next].is_executed;
}

/* Whether stand-ins are allowed there at all. */
static bool is_allowed(const struct fault *fault)
{
	if (mapping.vma.prot & PROT_EXEC) {
		inside_tell(TOLD_CODE, 0, 0);
		return false;
	}
	if (mapping.vma.prot == PROT_NONE)
		return false;
	if (mapping_is_private_memory(&mapping))
		return fault->is_poison;
	if (is_executed()) {
		inside_tell(TOLD_OWN_FILE, 0, 0);
		return false;
	}
	return true;
}

/* ---- replace it ------------------------------------------------------------------------------ */

static bool fill_from_mirror(struct fault *fault, char *bytes)
{
	int fd = mcsafe__above_standard(
		open(inside_shared->mirror, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
	struct mirror_error error = {0};
	struct stat st;
	bool filled = false;

	if (fd < 0) {
		inside_tell(TOLD_MIRROR, errno, 0);
		return false;
	}
	if (fstat(fd, &st) == 0 && st.st_dev == inside_shared->mirror_device &&
	    st.st_ino == inside_shared->mirror_inode)
		filled = plan_fill(&fault->plan, &mapping.vma, fault->page, fd, bytes, &error);
	else
		error.error = ESTALE;
	close(fd);
	if (error.error != 0)
		inside_tell(TOLD_MIRROR, error.error, error.at);
	return filled;
}

/* Fill `bytes`. False: zeros stand in. */
static bool fill(struct fault *fault, char *bytes, size_t n)
{
	if (fault->is_readable && read_memory(fault->plan.start, bytes, n)) {
		fault->lost.fill = LOST_CONTENT;
		return true;
	}
	if (!inside_is_mirrored(fault->file) || !fill_from_mirror(fault, bytes))
		return false;
	fault->lost.fill = LOST_MIRROR;
	return true;
}

/* Put filled memory in place. 0; an errno value; -1: nothing fills it, zeros may stand in. */
static int put_filled(struct fault *fault)
{
	const size_t room = fault->plan.end - fault->plan.start;
	long at = map(0, room, PROT_READ | PROT_WRITE, 0);
	uintptr_t memory = (uintptr_t)at;
	size_t n;
	int err = 0;

	if (at == -1)
		return errno;
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): what the kernel returns */
	if (!fill(fault, (char *)memory, room)) {
		unmap(memory, room);
		return -1;
	}
	n = fault->plan.end - fault->plan.start;
	if (syscall(SYS_mprotect, memory, n, mapping.vma.prot) != 0 ||
	    syscall(SYS_mremap, memory, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, fault->plan.start) ==
		    -1) {
		err = errno;
		n = 0;
	}
	if (n < room)
		unmap(memory + n, room - n);
	return err;
}

static int put_zeros(const struct fault *fault)
{
	const size_t n = fault->plan.end - fault->plan.start;

	return map(fault->plan.start, n, mapping.vma.prot, MAP_FIXED) != -1 ? 0 : errno;
}

static int put(struct fault *fault)
{
	int err = -1;

	fault->lost.fill = LOST_ZEROS;
	if (fault->is_readable || inside_is_mirrored(fault->file))
		err = put_filled(fault);
	return err == -1 ? put_zeros(fault) : err;
}

static void tell_refused(int err)
{
	struct proc proc;
	bool is_filtered = err != ENOMEM && proc_read(getpid(), &proc) && proc.seccomp != 0;

	inside_tell(is_filtered ? TOLD_SECCOMP : TOLD_MMAP, err, 0);
}

/* Under strict accounting of memory there may be enough for a part. */
static bool replace(struct fault *fault)
{
	int err = put(fault);

	if (err == ENOMEM && fault->plan.end - fault->plan.start > mapping.vma.page) {
		plan_one_page(&fault->plan, &mapping.vma, fault->page);
		err = put(fault);
	}
	if (err != 0)
		tell_refused(err);
	return err == 0;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void plan(struct fault *fault)
{
	struct mapped_file file;

	if (fault->is_poison) {
		fault->plan =
			plan_poison(&mapping.vma, fault->page, (unsigned)fault->info->si_addr_lsb);
		return;
	}
	mapping_ask_file(0, &mapping, &file);
	fault->plan = plan_file(&mapping.vma, fault->page, &file, inside_shared->has_mirror);
}

static enum lost_access access_of(const struct fault *fault)
{
	if (!(mapping.vma.prot & PROT_WRITE))
		return LOST_READ;
	if (fault->access == IS_UNKNOWN)
		return fault->is_readable ? LOST_WRITTEN : LOST_UNKNOWN;
	return fault->access == IS_WRITE ? LOST_WRITTEN : LOST_READ_AT_LEAST;
}

static bool answer_loss(struct fault *fault)
{
	const struct lost_file file = {
		.path = mapping.path,
		.is_deleted = mapping.is_deleted,
		.is_memory = mapping_is_private_memory(&mapping),
		.inode = mapping.vma.inode,
		.device = mapping.vma.device,
	};
	const uintptr_t shift = file.is_memory ? 0 : mapping.vma.offset - mapping.vma.start;

	plan(fault);
	fault->file = inside_add_file(&file);
	fault->lost.fill = LOST_NOTHING;
	if (!inside_shared->stops && !replace(fault))
		return false;
	fault->lost.access = access_of(fault);
	fault->lost.reason = fault->plan.reason;
	fault->lost.start = fault->plan.start + shift;
	fault->lost.length = fault->plan.end - fault->plan.start;
	fault->lost.pid = getpid();
	proc_name(0, fault->lost.process);
	inside_add_range(fault->file, &fault->lost);
	if (inside_shared->stops)
		inside_stop();
	return true;
}

/* Look at the memory. */
static enum { IS_THE_PROGRAMS, IS_GOOD_AGAIN, IS_LOST } judge(struct fault *fault)
{
	int err = mapping_find(0, fault->page, &mapping);

	if (err != 0) {
		if (err != ENOENT)
			inside_tell(TOLD_PROC, 0, 0);
		return IS_THE_PROGRAMS;
	}
	/* Another thread has met the same page at the same time, or has mapped memory there. Such
	 * memory can fail too, if the program has asked userfaultfd(2) for that. */
	if (mapping_is_private_memory(&mapping) && !fault->is_poison && mapping.vma.inode == 0)
		return can_read(fault->page) || may_retry(fault) ? IS_GOOD_AGAIN : IS_THE_PROGRAMS;
	if (!is_allowed(fault))
		return IS_THE_PROGRAMS;
	/* The machine check of a page that the kernel has not unmapped would come again and again:
	 * such a page is not touched. */
	fault->is_readable = !fault->is_poison && can_read(fault->page);
	/* The file may be whole again. If the access fails once more, it was a write, and the file
	 * system takes none. */
	return fault->is_readable && may_retry(fault) ? IS_GOOD_AGAIN : IS_LOST;
}

static bool is_left_alone(bool has_handler)
{
	struct inside_process *process = inside_process;

	if (!has_handler || inside_shared->handlers == HANDLERS_NONE)
		return false;
	if (inside_shared->handlers == HANDLERS_ALL)
		return true;
	if (process->recovers == RECOVERS_UNKNOWN)
		process->recovers = known_to_recover(0) ? RECOVERS : RECOVERS_NOT;
	return process->recovers == RECOVERS;
}

/* The kernel saves the error code of a page fault, and not that of a machine check. */
static void read_context(struct fault *fault, const greg_t *regs)
{
	fault->instruction = (uintptr_t)regs[REG_RIP];
	if (regs[REG_TRAPNO] != MCSAFE__TRAP_PAGE_FAULT ||
	    mcsafe__down((uintptr_t)regs[REG_CR2], MCSAFE__PAGE) != fault->page)
		fault->access = IS_UNKNOWN;
	else if (regs[REG_ERR] & MCSAFE__PAGE_FAULT_WRITE)
		fault->access = IS_WRITE;
	else
		fault->access = IS_READ;
}

bool inside_answer(const siginfo_t *info, const ucontext_t *context, bool has_handler)
{
	struct fault fault = {
		.info = info,
		.page = mcsafe__down((uintptr_t)info->si_addr, MCSAFE__PAGE),
		.is_poison = info->si_code == BUS_MCEERR_AR,
	};

	if (is_left_alone(has_handler))
		return false;
	read_context(&fault, context->uc_mcontext.gregs);
	switch (judge(&fault)) {
	case IS_GOOD_AGAIN:
		return true;
	case IS_LOST:
		return answer_loss(&fault);
	default:
		return false;
	}
}
