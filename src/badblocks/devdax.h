/* SPDX-License-Identifier: BSD-3-Clause */
/* devdax.h - what sysfs says about a device-dax node */
#ifndef MCSAFE_SRC_BADBLOCKS_DEVDAX_H
#define MCSAFE_SRC_BADBLOCKS_DEVDAX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sysfs_file.h"

/*
 * Size and alignment of a device-dax node, from a directory like /sys. 0; -ENODEV: the device is
 * not a device-dax node; -EBADMSG: the numbers are missing, or make no sense; or -errno.
 */
int mcsafe__devdax(const char *sysfs, dev_t device, size_t *size, size_t *align);

/* Where a device-dax node is. Addresses are physical. */
struct mcsafe__dax_place {
	char region[MCSAFE__SYSFS_PATH]; /* the directory of its region */
	uint64_t region_start;
	uint64_t start, bytes;
};

/* 0; -EOPNOTSUPP: the device is not a device-dax node, or is in no region; or -errno. */
int mcsafe__sysfs_dax_place(const char *sysfs, dev_t device, struct mcsafe__dax_place *place);

/* The name of the region, for example "region0". */
const char *mcsafe__region_name(const struct mcsafe__dax_place *place);

#endif /* MCSAFE_SRC_BADBLOCKS_DEVDAX_H */
