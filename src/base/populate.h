/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * populate.h - ask the kernel whether memory can be accessed, without an access that could fail
 *
 * Linux 5.14 has MADV_POPULATE_READ and MADV_POPULATE_WRITE. Before Linux 6.9 they never return if
 * the page of a file cannot be read from the disk: the kernel gives up a lock for the read, starts
 * again, and forgets that it has tried. There each page is probed with futex(2). That makes the
 * kernel read or write the first word, and fails with EFAULT where an access would raise a signal.
 * It does not say why.
 *
 * Of libc it calls syscall and uname. AS-Safe, but for errno.
 */
#ifndef MCSAFE_SRC_BASE_POPULATE_H
#define MCSAFE_SRC_BASE_POPULATE_H

#include <errno.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ /* glibc 2.35 */
# define MADV_POPULATE_READ  22
# define MADV_POPULATE_WRITE 23
#endif

/* The decimal number at *text, which moves to what follows it. */
static inline unsigned mcsafe__number_in_release(const char **text)
{
	unsigned n = 0;

	for (; **text >= '0' && **text <= '9' && n < 1000; (*text)++)
		n = n * 10 + (unsigned)(**text - '0');
	return n;
}

/* Whether populating always returns, be it with EINVAL: whether the release of the kernel is before
 * 5.14, or at least 6.9. */
static inline bool mcsafe__populate_returns(void)
{
	struct utsname name;
	const char *release = name.release;
	unsigned major, minor;

	if (uname(&name) != 0)
		return false;
	major = mcsafe__number_in_release(&release);
	if (*release++ != '.')
		return false;
	minor = mcsafe__number_in_release(&release);
	if (major == 5)
		return minor < 14;
	return major == 6 ? minor >= 9 : major != 0;
}

/* Whether a page can be read. Waits no time for its first word to change. */
static inline bool mcsafe__probe_read(uintptr_t page)
{
	static const struct timespec no_time;

	return syscall(SYS_futex, page, FUTEX_WAIT_PRIVATE, 0, &no_time, NULL, 0) == 0 ||
	       errno != EFAULT;
}

/* Whether a page can be written. ORs its first word with 0. A waiter may be woken, which may happen
 * to waiters at any time. */
static inline bool mcsafe__probe_write(uintptr_t page)
{
	const unsigned op = FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_LT, 0);
	uint32_t other = 0;

	return syscall(SYS_futex, &other, FUTEX_WAKE_OP_PRIVATE, 0, 0, page, op) >= 0 ||
	       errno != EFAULT;
}

#endif /* MCSAFE_SRC_BASE_POPULATE_H */
