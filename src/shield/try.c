/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * try.c - ask the kernel whether memory can be accessed, without an access that could fail
 *
 * Parts run in the signal handler. Of libc this file calls madvise, syscall and uname.
 *
 * Linux 5.14 has MADV_POPULATE_READ and MADV_POPULATE_WRITE. Before Linux 6.9 they never return if
 * the page of a file cannot be read from the disk: the kernel gives up a lock for the read, starts
 * again, and forgets that it has tried. There each page is probed with futex(2). That makes the
 * kernel read or write the first word, and fails with EFAULT where an access would raise a signal.
 */
#include "shield.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ /* Linux 5.14, glibc 2.35 */
# define MADV_POPULATE_READ  22
# define MADV_POPULATE_WRITE 23
#endif

static _Atomic enum {
	CANNOT,
	PROBE,
	POPULATE,
} way;

/* The decimal number at *text, which moves to what follows it. */
static unsigned number(const char **text)
{
	unsigned n = 0;

	for (; **text >= '0' && **text <= '9' && n < 1000; (*text)++)
		n = n * 10 + (unsigned)(**text - '0');
	return n;
}

/* Whether the release of the kernel is at least 6.9. */
static bool populate_returns(void)
{
	struct utsname name;
	const char *release = name.release;
	unsigned major;

	if (uname(&name) != 0)
		return false;
	major = number(&release);
	if (major != 6 || *release++ != '.')
		return major > 6;
	return number(&release) >= 9;
}

void mcsafe__shield_ask_kernel(void *page)
{
	if (madvise(page, MCSAFE__PAGE, MADV_POPULATE_READ) != 0)
		atomic_store(&way, CANNOT);
	else
		atomic_store(&way, populate_returns() ? POPULATE : PROBE);
}

void mcsafe__shield_avoid_populate(void)
{
	atomic_store(&way, PROBE);
}

/* Wait no time for the word to change. */
static bool can_read(uintptr_t page)
{
	static const struct timespec no_time;

	return syscall(SYS_futex, page, FUTEX_WAIT_PRIVATE, 0, &no_time, NULL, 0) == 0 ||
	       errno != EFAULT;
}

/* OR the word with 0. A waiter may be woken, which may happen to waiters at any time. */
static bool can_write(uintptr_t page)
{
	const unsigned op = FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_LT, 0);
	uint32_t other = 0;

	return syscall(SYS_futex, &other, FUTEX_WAKE_OP_PRIVATE, 0, 0, page, op) >= 0 ||
	       errno != EFAULT;
}

static int probe(uintptr_t start, uintptr_t end, bool for_store)
{
	for (uintptr_t page = start; page < end; page += MCSAFE__PAGE)
		if (!(for_store ? can_write(page) : can_read(page)))
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
