/* SPDX-License-Identifier: BSD-3-Clause */
/* lock.c - one lock for each process */
#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/page.h"
#include "run/inside/inside.h"

struct inside_process *inside_process;

_Static_assert(sizeof(struct inside_process) <= MCSAFE__PAGE, "it is in one page");

bool inside_prepare_lock(void)
{
	void *page = mmap(NULL, MCSAFE__PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	if (page == MAP_FAILED)
		return false;
	(void)madvise(page, MCSAFE__PAGE, MADV_WIPEONFORK);
	inside_process = page;
	return true;
}

int inside_thread(void)
{
	return (int)syscall(SYS_gettid);
}

void inside_lock(sigset_t *mask)
{
	const struct timespec limit = {.tv_nsec = 1000000};
	const uint64_t all = ~(UINT64_C(1) << (SIGBUS - 1));
	int self = inside_thread(), owner;

	/* Not by libc, which leaves two signals unblocked. One of them cancels the thread. */
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, mask, sizeof(all));
	for (;;) {
		owner = 0;
		if (atomic_compare_exchange_strong(&inside_process->owner, &owner, self) ||
		    owner == self)
			break;
		atomic_fetch_add(&inside_process->waiting, 1);
		/* The limit is for a child of vfork(2) that was killed with the lock. */
		syscall(SYS_futex, &inside_process->owner, FUTEX_WAIT_PRIVATE, owner, &limit, NULL,
			0);
		atomic_fetch_sub(&inside_process->waiting, 1);
		if (syscall(SYS_tgkill, getpid(), owner, 0) != 0 && errno == ESRCH &&
		    syscall(SYS_kill, owner, 0) != 0 && errno == ESRCH)
			atomic_compare_exchange_strong(&inside_process->owner, &owner, 0);
	}
	inside_process->depth++;
}

void inside_unlock(const sigset_t *mask)
{
	if (--inside_process->depth == 0) {
		atomic_store(&inside_process->owner, 0);
		if (atomic_load(&inside_process->waiting) > 0)
			syscall(SYS_futex, &inside_process->owner, FUTEX_WAKE_PRIVATE, 1, NULL,
				NULL, 0);
	}
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, NULL, sizeof(uint64_t));
}
