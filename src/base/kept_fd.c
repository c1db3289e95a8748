/* SPDX-License-Identifier: BSD-3-Clause */
/* kept_fd.c - descriptors that the library keeps: above 2, and of which file */
#include "kept_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor.h"
#include "errno_kept.h"

static struct mcsafe__file_id id_of(const struct stat *st)
{
	bool is_device = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);

	return (struct mcsafe__file_id){.dev = st->st_dev,
					.ino = st->st_ino,
					.type = st->st_mode & S_IFMT,
					.rdev = is_device ? st->st_rdev : 0};
}

int mcsafe__fd_identify(int fd, struct mcsafe__file_id *id)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	*id = id_of(&st);
	return 0;
}

bool mcsafe__stat_is_same(const struct stat *st, const struct mcsafe__file_id *id)
{
	const struct mcsafe__file_id now = id_of(st);

	return now.dev == id->dev && now.ino == id->ino && now.type == id->type &&
	       now.rdev == id->rdev;
}

bool mcsafe__fd_is_same(int fd, const struct mcsafe__file_id *id)
{
	MCSAFE__KEEP_ERRNO();
	struct stat st;

	return fstat(fd, &st) == 0 && mcsafe__stat_is_same(&st, id);
}

/* Close fd if we do not know which file it is. */
static int identified(int fd, struct mcsafe__file_id *id)
{
	int err = id != NULL ? mcsafe__fd_identify(fd, id) : 0;

	if (err == 0)
		return fd;
	close(fd);
	return err;
}

int mcsafe__fd_duplicate(int fd, struct mcsafe__file_id *id)
{
	int kept = fcntl(fd, F_DUPFD_CLOEXEC, MCSAFE__FIRST_DESCRIPTOR);

	return kept >= 0 ? identified(kept, id) : -errno;
}

void mcsafe__fd_close(int fd, const struct mcsafe__file_id *id)
{
	MCSAFE__KEEP_ERRNO();

	if (mcsafe__fd_is_same(fd, id) && (fcntl(fd, F_GETFD) & FD_CLOEXEC))
		close(fd);
}

void mcsafe__low_fds_hold(struct mcsafe__low_fds *held)
{
	MCSAFE__KEEP_ERRNO();

	for (held->n = 0; held->n < MCSAFE__FIRST_DESCRIPTOR; held->n++) {
		/* open(2) gives the lowest number that is free. */
		int fd = open("/", O_PATH | O_CLOEXEC);

		if (fd >= MCSAFE__FIRST_DESCRIPTOR)
			close(fd);
		if (fd < 0 || fd >= MCSAFE__FIRST_DESCRIPTOR)
			break;
		held->fds[held->n] = fd;
	}
}

void mcsafe__low_fds_release(const struct mcsafe__low_fds *held)
{
	MCSAFE__KEEP_ERRNO();

	for (int i = 0; i < held->n; i++)
		close(held->fds[i]);
}

int mcsafe__fd_open(int directory, const char *path, int flags, struct mcsafe__file_id *id)
{
	struct mcsafe__low_fds held;
	int fd;

	mcsafe__low_fds_hold(&held);
	fd = openat(directory, path, flags | O_CLOEXEC);
	if (fd < 0) {
		fd = -errno;
	} else if (fd < MCSAFE__FIRST_DESCRIPTOR) {
		int low = fd;

		fd = mcsafe__fd_duplicate(low, id);
		close(low);
	} else {
		fd = identified(fd, id);
	}
	mcsafe__low_fds_release(&held);
	return fd;
}
