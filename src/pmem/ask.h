/* SPDX-License-Identifier: BSD-3-Clause */
/* ask.h - the parts of asking the kernel for bad blocks */
#ifndef MCSAFE_SRC_PMEM_ASK_H
#define MCSAFE_SRC_PMEM_ASK_H

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

/* sysfs.c. Each: 0 or -errno. */
int mcsafe__sysfs_disk(const char *sysfs, dev_t device, struct mcsafe__list *list);
int mcsafe__sysfs_dax(const char *sysfs, dev_t device, struct mcsafe__list *list);

/*
 * ndctl.c or ndctl_none.c: the list of a region, "region0" say, from its start. 0; -ENOSYS if
 * libndctl is not to be had; -ENODEV if it knows of no such region, or of nothing bad there: it
 * does not tell that from a list that could not be read. Then sysfs is to be asked.
 */
int mcsafe__ndctl_region(const char *name, struct mcsafe__list *list);

/* Whether so many bytes of text, or entries, are what the kernel cuts a list off at. */
bool mcsafe__list_is_cut(size_t text, size_t entries);

/* extents.c: the parts of the file that are in the bad ranges of its disk. 0 or -errno. */
int mcsafe__extents_bad(int fd, uint64_t file_size, const struct mcsafe_badblocks *disk,
			struct mcsafe__ranges *bad);

#endif /* MCSAFE_SRC_PMEM_ASK_H */
