/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uffd_poison.h - poison pages of a mapping without replacing the mapping
 *
 * The injection component maps memory of its own where it poisons, and a shield does not take that
 * for its mapping.
 */
#ifndef MCSAFE_TESTS_UFFD_POISON_H
#define MCSAFE_TESTS_UFFD_POISON_H

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Since Linux 6.6; older headers do not have it. */
struct t_uffdio_poison {
	uint64_t start, len, mode;
	int64_t updated;
};
#define T_UFFDIO_POISON       _IOWR(UFFDIO, 0x08, struct t_uffdio_poison)
#define T_UFFD_FEATURE_POISON (1u << 14)

/* Poison pages of anonymous memory, or of tmpfs. The mark stays when the descriptor is closed.
 * Drops what the pages hold in this mapping. 0, or -errno. */
static inline int t_try_to_poison(void *at, size_t len)
{
	struct uffdio_api api = {.api = UFFD_API, .features = T_UFFD_FEATURE_POISON};
	struct uffdio_register range = {{(uintptr_t)at, len}, UFFDIO_REGISTER_MODE_MISSING, 0};
	struct t_uffdio_poison poison = {(uintptr_t)at, len, 0, 0};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */), err = 0;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, UFFDIO_API, &api) != 0 || madvise(at, len, MADV_DONTNEED) != 0 ||
	    ioctl(fd, UFFDIO_REGISTER, &range) != 0 || ioctl(fd, T_UFFDIO_POISON, &poison) != 0)
		err = -errno;
	close(fd);
	return err;
}

#define t_poison(at, len) CHECK_EQ(t_try_to_poison(at, len), 0)

#endif /* MCSAFE_TESTS_UFFD_POISON_H */
