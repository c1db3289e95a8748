/* SPDX-License-Identifier: BSD-3-Clause */
/* ask.c - ask the kernel what is bad in a file or a device */
#include <mcsafe/badblocks.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ask.h"
#include "base/errno_kept.h"
#include "base/no_cancel.h"
#include "registry.h"

/* Replace the bad ranges of a disk by those of a file on it. */
static int map_to_file(int fd, const struct stat *file, struct mcsafe__list *list)
{
	struct mcsafe__ranges in_file = {0};
	struct mcsafe_badblocks *disk;
	int err;

	if (list->ranges.n == 0)
		return 0;
	err = mcsafe_badblocks_create(&disk);
	if (err != 0)
		return err;
	err = mcsafe__badblocks_add_all(disk, list->ranges.list, &list->ranges.n);
	if (err == 0)
		err = mcsafe__extents_bad(fd, (uint64_t)file->st_size, disk, &in_file);
	mcsafe_badblocks_destroy(disk);
	free(list->ranges.list);
	list->ranges = in_file;
	return err;
}

static int ask(int fd, struct mcsafe__list *list, const char *sysfs)
{
	struct stat file;
	int err;

	if (fstat(fd, &file) != 0)
		return -errno;
	if (S_ISBLK(file.st_mode))
		return mcsafe__sysfs_disk(sysfs, file.st_rdev, list);
	if (S_ISCHR(file.st_mode))
		return mcsafe__sysfs_dax(sysfs, file.st_rdev, list);
	if (!S_ISREG(file.st_mode))
		return -EOPNOTSUPP;
	err = mcsafe__sysfs_disk(sysfs, file.st_dev, list);
	return err != 0 ? err : map_to_file(fd, &file, list);
}

int mcsafe__badblocks_ask_in(struct mcsafe_badblocks *badblocks, int fd,
			     struct mcsafe_badblocks_answer *answer, const char *sysfs)
{
	struct mcsafe__list list = {.cut = false};
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();
	int err = ask(fd, &list, sysfs);

	if (err == 0)
		err = mcsafe__badblocks_add_all(badblocks, list.ranges.list, &list.ranges.n);
	*answer = (struct mcsafe_badblocks_answer){.state = MCSAFE_BADBLOCKS_NONE};
	if (err != 0) {
		answer->state = MCSAFE_BADBLOCKS_NOT_ASKED;
		answer->error = -err;
	} else if (list.ranges.n != 0 || list.cut) {
		answer->state = MCSAFE_BADBLOCKS_FOUND;
		answer->error = list.cut ? EOVERFLOW : 0;
		answer->count = list.ranges.n;
		for (size_t i = 0; i < list.ranges.n; i++)
			answer->bytes += list.ranges.list[i].len;
	}
	free(list.ranges.list);
	return err;
}

int mcsafe_badblocks_ask(struct mcsafe_badblocks *badblocks, int fd,
			 struct mcsafe_badblocks_answer *answer)
{
	return mcsafe__badblocks_ask_in(badblocks, fd, answer, "/sys");
}
