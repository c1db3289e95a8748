/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * try.c - ask the kernel whether memory can be accessed, without an access that could fail
 *
 * Parts run in the signal handler. Of libc this file calls madvise, and what base/populate.h calls.
 */
#include "shield.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/populate.h"

static _Atomic enum {
	CANNOT,
	PROBE,
	POPULATE,
} way;

void mcsafe__shield_ask_kernel(void *page)
{
	if (madvise(page, MCSAFE__PAGE, MADV_POPULATE_READ) != 0)
		atomic_store(&way, CANNOT);
	else
		atomic_store(&way, mcsafe__populate_returns() ? POPULATE : PROBE);
}

void mcsafe__shield_avoid_populate(void)
{
	atomic_store(&way, PROBE);
}

static int probe(uintptr_t start, uintptr_t end, bool for_store)
{
	for (uintptr_t page = start; page < end; page += MCSAFE__PAGE)
		if (!(for_store ? mcsafe__probe_write(page) : mcsafe__probe_read(page)))
			return -EFAULT;
	return 0;
}

/*
 * madvise(2), MADV_POPULATE_READ: EFAULT, an access would raise SIGBUS; EHWPOISON, the same,
 * because of poison. All other errors are of the call: no memory, nothing mapped, no permission, a
 * sandbox.
 */
bool mcsafe__shield_is_failure(int err)
{
	return err == -EFAULT || err == -EHWPOISON;
}

/* The kernel returns EINVAL also for pages without permission. */
int mcsafe__shield_try(uintptr_t start, uintptr_t end, bool for_store)
{
	int advice = for_store ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;

	switch (atomic_load(&way)) {
	case CANNOT:
		return -EOPNOTSUPP;
	case PROBE:
		return probe(start, end, for_store);
	case POPULATE:
		break;
	}
	return madvise((void *)start, end - start, advice) == 0 ? 0 : -errno;
}

bool mcsafe__shield_has_failure(uintptr_t start, uintptr_t end)
{
	return atomic_load(&way) == POPULATE &&
	       madvise((void *)start, end - start, MADV_POPULATE_READ) != 0 &&
	       mcsafe__shield_is_failure(-errno);
}
