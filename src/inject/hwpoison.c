/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hwpoison.c - poison memory by MADV_HWPOISON, and give fresh memory back
 *
 * Since Linux 6.11 the kernel sends SIGBUS (action required) to the thread that poisons a page. So
 * a helper process poisons it. The helper shares our memory and nothing else. In particular it has
 * signal handlers of its own, so that those of the program stay as they are.
 */
#include "injection.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_HWPOISON
# define MADV_HWPOISON 100
#endif

/*
 * Two functions by their other names in glibc. The runtimes of ThreadSanitizer and MemorySanitizer
 * replace sigaction(), and that of clang's ThreadSanitizer replaces clone(). The replacements
 * assume that a child has memory of its own. But the helper shares ours: its handler would become
 * that of the program, and the thread that waits would be released twice.
 */
int libc_clone(int (*fn)(void *), void *stack, int flags, void *arg, ...) __asm__("__clone");
int libc_sigaction(int signo, const struct sigaction *action,
		   struct sigaction *old) __asm__("__sigaction");

struct job {
	uintptr_t page;
	uintptr_t end;
	bool for_store; /* the page is made dirty */
	bool is_huge;
	bool is_shared;
	struct mcsafe__file_part whole;
	int error;
};

/* The kernel need not read huge pages from a disk. */
static bool may_populate(bool is_huge)
{
	return is_huge || mcsafe__populate_returns();
}

/* Whether the kernel has the page in memory, or its poison: so that it need not read a disk. */
static bool is_resident(uintptr_t page)
{
	unsigned char resident = 0;

	return mincore((void *)page, MCSAFE__PAGE, &resident) == 0 && (resident & 1);
}

static bool is_poisoned(uintptr_t start, size_t len)
{
	return madvise((void *)start, len, MADV_POPULATE_READ) != 0 && errno == EHWPOISON;
}

/* Whether a page is lost, in memory that can be read. */
static bool is_lost(uintptr_t start, size_t len, bool is_huge)
{
	if (may_populate(is_huge))
		return is_poisoned(start, len);
	for (uintptr_t page = start; page < start + len; page += MCSAFE__PAGE)
		if (!mcsafe__probe_read(page) && is_resident(page) &&
		    is_poisoned(page, MCSAFE__PAGE))
			return true;
	return false;
}

static void bring_in(const struct job *job)
{
	int advice = job->for_store ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;

	if (may_populate(job->is_huge))
		(void)madvise((void *)job->page, MCSAFE__PAGE, advice);
	else if (job->for_store)
		(void)mcsafe__probe_write(job->page);
	else
		(void)mcsafe__probe_read(job->page);
}

/*
 * Poison one page. The page must be in memory, and dirty if it can be: if a clean page of a file is
 * lost, the kernel silently reads it again from the disk. A page of a huge page that is already
 * lost cannot be poisoned, but counts as lost.
 */
static int lose(const struct job *job)
{
	int error = 0;

	bring_in(job);
	if (job->is_shared && mcsafe__split_folio(&job->whole, job->page))
		bring_in(job);
	if (madvise((void *)job->page, MCSAFE__PAGE, MADV_HWPOISON) != 0)
		error = errno;
	if (is_lost(job->page, MCSAFE__PAGE, job->is_huge))
		return 0;
	return error != 0 ? -error : -ENODATA;
}

static void survive(int signo)
{
	(void)signo;
}

static int helper(void *arg)
{
	struct sigaction action = {.sa_handler = survive, .sa_flags = SA_NODEFER};
	struct job *job = arg;
	sigset_t sigbus;

	sigemptyset(&sigbus);
	sigaddset(&sigbus, SIGBUS);
	libc_sigaction(SIGBUS, &action, NULL);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): this process has one thread. */
	sigprocmask(SIG_UNBLOCK, &sigbus, NULL);
	for (; job->page < job->end; job->page += MCSAFE__PAGE) {
		job->error = lose(job);
		if (job->error != 0)
			break;
	}
	_exit(0);
}

/* With CLONE_VFORK this thread waits, so that the helper may use memory of its stack and its errno.
 * All signals are blocked meanwhile, so that no handler of the program runs in the helper. */
static int run_helper(struct job *job)
{
	_Alignas(16) char stack[16384];
	sigset_t all, before;
	pid_t pid;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pid = libc_clone(helper, stack + sizeof(stack), CLONE_VM | CLONE_VFORK, job);
	error = errno;
	if (pid > 0)
		while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid > 0 ? 0 : mcsafe__inject_fail(-error, "clone(2) failed");
}

static int explain(int error)
{
	switch (error) {
	case 0:
		return 0;
	case -EPERM:
		return mcsafe__inject_fail(error, "MADV_HWPOISON needs CAP_SYS_ADMIN");
	case -EINVAL:
		return mcsafe__inject_fail(-EOPNOTSUPP, "this kernel has no MADV_HWPOISON: it was "
							"built without CONFIG_MEMORY_FAILURE");
	case -ENODATA:
		return mcsafe__inject_fail(error, "the kernel repaired the page from its file");
	case -EHWPOISON:
		return mcsafe__inject_fail(error, "the kernel could not split a large folio of the "
						  "file: the page can still be read");
	default:
		return mcsafe__inject_fail(error, "MADV_HWPOISON failed");
	}
}

int mcsafe__hwpoison_make(struct mcsafe__injection *piece)
{
	struct job job = {.page = piece->start,
			  .end = piece->start + piece->len,
			  .for_store = (piece->prot & PROT_WRITE) != 0,
			  .is_huge = piece->is_huge,
			  .is_shared = piece->shared && !piece->is_huge,
			  .whole = piece->whole};
	int error;

	snprintf(job.whole.link, sizeof(job.whole.link),
		 "/proc/self/map_files/%" PRIxPTR "-%" PRIxPTR, piece->whole.start,
		 piece->whole.end);
	error = run_helper(&job);
	piece->len = job.page - piece->start;
	return error != 0 ? error : explain(job.error);
}

/*
 * With private memory and files on a disk the kernel has dropped the page, so that it is enough to
 * drop the entry of the page table. tmpfs and hugetlbfs keep the page, so that its loss is not
 * forgotten. There, and only there, a hole is punched: on a disk the data are worth keeping.
 */
int mcsafe__hwpoison_undo(struct mcsafe__injection *piece)
{
	void *start = (void *)piece->start;

	if (madvise(start, piece->len, MADV_DONTNEED) != 0)
		return mcsafe__inject_fail(-errno, errno == EINVAL
							   ? "MADV_DONTNEED refuses this memory: "
							     "part of a huge page, or locked"
							   : "MADV_DONTNEED failed");
	if (!is_lost(piece->start, piece->len, piece->is_huge))
		return 0;
	if (madvise(start, piece->len, MADV_REMOVE) == 0 &&
	    !is_lost(piece->start, piece->len, piece->is_huge))
		return 0;
	return mcsafe__inject_fail(-EHWPOISON, "the kernel keeps the bad page in its file: punch "
					       "a hole into the file");
}

/* Memory that cannot be read cannot be poisoned. So this finds out only whether poisoning
 * is allowed. */
int mcsafe__hwpoison_supported(void)
{
	void *page = mmap(NULL, MCSAFE__PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int error;

	if (page == MAP_FAILED)
		return mcsafe__inject_fail(-errno, "mmap(2) failed");
	error = madvise(page, MCSAFE__PAGE, MADV_HWPOISON) != 0 ? -errno : 0;
	munmap(page, MCSAFE__PAGE);
	return explain(error == -EFAULT ? 0 : error);
}
