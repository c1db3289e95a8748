/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * userfault.c - simulated poison: UFFDIO_POISON (Linux 6.6)
 *
 * The ioctl puts a marker into the page table, which the kernel treats as poison from then on. The
 * marker outlives the userfaultfd, which is closed at once. No privilege is needed, because the
 * userfaultfd is opened with UFFD_USER_MODE_ONLY (Linux 5.11) and handles no faults of the kernel:
 * vm.unprivileged_userfaultfd restricts only those that do.
 */
#include "injection.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* For headers older than Linux 6.6. */
#ifndef UFFD_FEATURE_POISON
# define UFFD_FEATURE_POISON ((uint64_t)1 << 14)
struct uffdio_poison {
	struct uffdio_range range;
	uint64_t mode;
	int64_t updated; /* bytes poisoned, or -errno */
};
# define UFFDIO_POISON _IOWR(UFFDIO, 0x08, struct uffdio_poison)
#endif
#ifndef UFFD_USER_MODE_ONLY
# define UFFD_USER_MODE_ONLY 1
#endif

static int refused(int error)
{
	switch (error) {
	case EPERM:
		return mcsafe__inject_fail(-EPERM, "userfaultfd(2) is forbidden, by a seccomp(2) "
						   "filter say");
	case ENOSYS:
	case EINVAL:
		return mcsafe__inject_fail(-EOPNOTSUPP, "this kernel has no UFFDIO_POISON, which "
							"came with Linux 6.6");
	default:
		return mcsafe__inject_fail(-error, "userfaultfd(2) failed");
	}
}

/* A userfaultfd that can poison, or -errno. */
static int open_userfaultfd(void)
{
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_POISON};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY), error;

	if (fd < 0)
		return refused(errno);
	if (ioctl(fd, UFFDIO_API, &api) == 0)
		return fd;
	error = errno;
	close(fd);
	return refused(error);
}

static int watch(int fd, uintptr_t start, size_t len)
{
	struct uffdio_register area = {.range = {.start = start, .len = len},
				       .mode = UFFDIO_REGISTER_MODE_MISSING};

	if (ioctl(fd, UFFDIO_REGISTER, &area) == 0)
		return 0;
	if (errno == EBUSY)
		return mcsafe__inject_fail(-EBUSY, "another userfaultfd(2) watches the range");
	if (errno == EINVAL)
		return mcsafe__inject_fail(-EOPNOTSUPP, "this type of memory cannot be poisoned");
	return mcsafe__inject_fail(-errno, "UFFDIO_REGISTER failed");
}

static int mark(int fd, uintptr_t start, size_t len)
{
	while (len > 0) {
		struct uffdio_poison poison = {.range = {.start = start, .len = len}};

		if (ioctl(fd, UFFDIO_POISON, &poison) == 0)
			return 0;
		/* EAGAIN: the address space was changing; `updated` bytes are done. */
		if (errno != EAGAIN)
			return mcsafe__inject_fail(-errno, "UFFDIO_POISON failed");
		if (poison.updated > 0) {
			start += (uintptr_t)poison.updated;
			len -= (size_t)poison.updated;
		}
	}
	return 0;
}

int mcsafe__userfault_poison(uintptr_t start, size_t len)
{
	int fd = open_userfaultfd(), error;

	if (fd < 0)
		return fd;
	error = watch(fd, start, len);
	if (error == 0)
		error = mark(fd, start, len);
	close(fd);
	return error;
}

int mcsafe__userfault_supported(void)
{
	int fd = open_userfaultfd();

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}
