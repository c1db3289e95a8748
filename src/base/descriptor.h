/* SPDX-License-Identifier: BSD-3-Clause */
/* descriptor.h - no descriptor of the library is a standard one */
#ifndef MCSAFE_SRC_BASE_DESCRIPTOR_H
#define MCSAFE_SRC_BASE_DESCRIPTOR_H

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* 0, 1 and 2 are standard input, output and error, even in a program that has closed them. */
#define MCSAFE__FIRST_DESCRIPTOR 3

/*
 * For a descriptor that was just opened: the same one, or one from 3 on if the program has closed a
 * standard descriptor. -1 and errno if fd is -1, or if there is no descriptor left. AS-Safe.
 */
static inline int mcsafe__above_standard(int fd)
{
	int higher, saved_errno;

	if (fd < 0 || fd >= MCSAFE__FIRST_DESCRIPTOR)
		return fd;
	higher = fcntl(fd, F_DUPFD_CLOEXEC, MCSAFE__FIRST_DESCRIPTOR);
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return higher;
}

#endif /* MCSAFE_SRC_BASE_DESCRIPTOR_H */
