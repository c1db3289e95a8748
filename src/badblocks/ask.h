/* SPDX-License-Identifier: BSD-3-Clause */
/* ask.h - the parts of asking the kernel for bad blocks */
#ifndef MCSAFE_SRC_PMEM_ASK_H
#define MCSAFE_SRC_PMEM_ASK_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <mcsafe/badblocks.h>

#include "lines.h"

/* What the kernel's badblocks lists count in, whatever the device's own sectors are. */
#define MCSAFE__SECTOR ((size_t)512)

/* What came of it; offsets are in the device that was asked about. */
struct mcsafe__list {
	struct mcsafe__ranges ranges;
	bool cut; /* the kernel may have had more to say */
};

/* mcsafe_badblocks_ask() in a tree like /sys. */
int mcsafe__badblocks_ask_in(struct mcsafe_badblocks *badblocks, int fd,
			     struct mcsafe_badblocks_answer *answer, const char *sysfs);

/* Where a device-dax node is. Addresses are physical. */
struct mcsafe__dax_place {
	char region[PATH_MAX]; /* the directory of its region */
	uint64_t region_start;
	uint64_t start, bytes;
};

/* sysfs.c. Each: 0 or -errno; -EOPNOTSUPP: there is no such list, or the device is of no region. */
int mcsafe__sysfs_disk(const char *sysfs, dev_t device, struct mcsafe__list *list);
int mcsafe__sysfs_dax(const char *sysfs, dev_t device, struct mcsafe__list *list);
int mcsafe__sysfs_dax_place(const char *sysfs, dev_t device, struct mcsafe__dax_place *place);
/* The name of the region, "region0" say. */
const char *mcsafe__region_name(const struct mcsafe__dax_place *place);

/* ---- ndctl.c, or ndctl_none.c, where each gives -ENOSYS: libndctl is not to be had ------------ */

/*
 * The list of a region from its start. 0; -ENOSYS; -ENODEV if libndctl knows of no such region, or
 * of nothing bad there: it does not tell that from a list that could not be read. Then sysfs is to
 * be asked.
 */
int mcsafe__ndctl_region(const char *name, struct mcsafe__list *list);

/* A range of a region that the firmware is going to be asked to clear of poison. */
struct mcsafe__clearing;

/*
 * Find out whether it can be; nothing is changed. 0 and *clearing, to be given back by
 * mcsafe__clearing_end(); -ENOSYS; -ENODEV if libndctl knows of no such region; -EOPNOTSUPP if the
 * firmware cannot clear; -EINVAL if the range is not made of the units in which it does; -EIO if it
 * refuses to say; or -errno, -EACCES say, of the kernel.
 */
int mcsafe__clearing_begin(struct mcsafe__clearing **clearing, const char *region, uint64_t address,
			   uint64_t n);
/* Clear it: 0 if all of it is; -EIO if the firmware refuses a part; or -errno. */
int mcsafe__clearing_run(const struct mcsafe__clearing *clearing);
/* NULL: nothing is done. */
void mcsafe__clearing_end(struct mcsafe__clearing *clearing);

/* Whether so many bytes of text, or entries, are what the kernel cuts a list off at. */
bool mcsafe__list_is_cut(size_t text, size_t entries);

/* extents.c: the parts of the file that are in the bad ranges of its disk. 0 or -errno. */
int mcsafe__extents_bad(int fd, uint64_t file_size, const struct mcsafe_badblocks *disk,
			struct mcsafe__ranges *bad);

#endif /* MCSAFE_SRC_PMEM_ASK_H */
