/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kept_fd.h - descriptors that the library keeps: above 2, and of which file
 *
 * The program may close any number: daemons close all of them, and close(2) of a wrong number is a
 * common error. The next open(2) of any thread gets that number. Therefore nothing is read,
 * written, changed or closed through a kept number before mcsafe__fd_is_same() has said that it is
 * still the file that it was.
 *
 * A kept number is never 0, 1 or 2. If a program has closed one of these, other code still writes
 * its messages to 2.
 */
#ifndef MCSAFE_SRC_BASE_KEPT_FD_H
#define MCSAFE_SRC_BASE_KEPT_FD_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/*
 * Which file a descriptor is. The number of an inode is not given to another file as long as the
 * file is open or mapped anywhere. For a device, several nodes may be one device, and a node may be
 * made anew with another device: both are told apart.
 */
struct mcsafe__file_id {
	dev_t dev;
	ino_t ino;
	mode_t type; /* S_IFMT of st_mode */
	dev_t rdev;  /* of a device; otherwise 0 */
};

/* Which file fd is. 0, or -errno. AS-Safe but for errno. */
int mcsafe__fd_identify(int fd, struct mcsafe__file_id *id);

/* Whether fd is open, and is that file. Keeps errno. AS-Safe. */
bool mcsafe__fd_is_same(int fd, const struct mcsafe__file_id *id);

/* The same for the status of a descriptor, from fstat(2). */
bool mcsafe__stat_is_same(const struct stat *st, const struct mcsafe__file_id *id);

/* Duplicate fd, which is the caller's. The new descriptor, which is above 2 and is closed by
 * execve(2); or -errno. *id says which file it is. AS-Safe but for errno. */
int mcsafe__fd_duplicate(int fd, struct mcsafe__file_id *id);

/*
 * Open a file like openat(2), with O_CLOEXEC. The new descriptor, which is above 2; or -errno. *id
 * says which file it is, unless id is NULL. None of 0 to 2 becomes a descriptor of the file, not
 * even for a moment, unless another thread closes it during the call. No mode is passed: flags must
 * not contain O_CREAT.
 */
int mcsafe__fd_open(int directory, const char *path, int flags, struct mcsafe__file_id *id);

/*
 * Close fd if it is ours. A number that the program has closed, and opened for another file or
 * without FD_CLOEXEC, is the program's. The same file with FD_CLOEXEC cannot be told from ours.
 * Keeps errno. AS-Safe.
 */
void mcsafe__fd_close(int fd, const struct mcsafe__file_id *id);

/* Numbers of 0 to 2 that are held, so that nobody gets them. */
struct mcsafe__low_fds {
	int n;
	int fds[3];
};

/*
 * Take those of the numbers 0 to 2 that are closed, so that code which opens files does not get
 * them. What takes them cannot be read or written (O_PATH), like a number that is closed: EBADF.
 * Where there is nothing to open, none is taken.
 */
void mcsafe__low_fds_hold(struct mcsafe__low_fds *held);
void mcsafe__low_fds_release(const struct mcsafe__low_fds *held);

#endif /* MCSAFE_SRC_BASE_KEPT_FD_H */
