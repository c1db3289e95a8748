/* SPDX-License-Identifier: BSD-3-Clause */
/* ask.h - the parts of asking the kernel for bad blocks */
#ifndef MCSAFE_SRC_BADBLOCKS_ASK_H
#define MCSAFE_SRC_BADBLOCKS_ASK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <mcsafe/badblocks.h>

#include "lines.h"

/* The unit of the kernel's lists of bad blocks, whatever the device's own sectors are. */
#define MCSAFE__SECTOR ((size_t)512)

/* What the kernel has listed. Offsets are in the device that was asked about. */
struct mcsafe__list {
	struct mcsafe__ranges ranges;
	bool cut; /* the kernel may know of more bad blocks than it listed */
};

/* mcsafe_badblocks_ask() in a tree like /sys. */
int mcsafe__badblocks_ask_in(struct mcsafe_badblocks *badblocks, int fd,
			     struct mcsafe_badblocks_answer *answer, const char *sysfs);

/*
 * sysfs.c: the bad blocks of a block device, and of a device-dax node. 0; -EOPNOTSUPP: there is no
 * such list, or the device is in no region; or -errno.
 */
int mcsafe__sysfs_disk(const char *sysfs, dev_t device, struct mcsafe__list *list);
int mcsafe__sysfs_dax(const char *sysfs, dev_t device, struct mcsafe__list *list);

/* Whether the kernel cuts a list off at this many bytes of text, or at this many entries. */
bool mcsafe__list_is_cut(size_t text, size_t entries);

/*
 * ndctl_list.c, or ndctl_list_none.c: the list of a region, from its start. 0; -ENOSYS if libndctl
 * cannot be loaded, or the library was built without it; -ENODEV if libndctl knows of no such
 * region, or of nothing bad there: libndctl does not tell an empty list from one that it could not
 * read. After -ENOSYS and -ENODEV, sysfs must be asked.
 */
int mcsafe__ndctl_region(const char *name, struct mcsafe__list *list);

/* extents.c: the parts of the file that are in the bad ranges of its disk. 0 or -errno. */
int mcsafe__extents_bad(int fd, uint64_t file_size, const struct mcsafe_badblocks *disk,
			struct mcsafe__ranges *bad);

#endif /* MCSAFE_SRC_BADBLOCKS_ASK_H */
