/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * descriptor.h - descriptors that the library keeps, in a process whose descriptors are not its own
 *
 * A program may close every descriptor from 3 on, as daemons do, and get the number of one of ours
 * for a file of its own. Therefore a kept number is compared with its file before it is used,
 * replaced or closed.
 */
#ifndef MCSAFE_SRC_BASE_DESCRIPTOR_H
#define MCSAFE_SRC_BASE_DESCRIPTOR_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* 0, 1 and 2 are standard input, output and error, even in a program that has closed them. */
#define MCSAFE__FIRST_DESCRIPTOR 3

/* What tells one file from another. Nodes of different devices have different rdev. */
struct mcsafe__file {
	dev_t dev;
	ino_t ino;
	dev_t rdev;
};

/* 0 or -errno. AS-Safe. */
static inline int mcsafe__file_of(int fd, struct mcsafe__file *file)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	*file = (struct mcsafe__file){st.st_dev, st.st_ino, st.st_rdev};
	return 0;
}

/* Whether the descriptor is open, and is that file. AS-Safe. */
static inline bool mcsafe__is_file(int fd, const struct mcsafe__file *file)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == file->dev && st.st_ino == file->ino &&
	       st.st_rdev == file->rdev;
}

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
