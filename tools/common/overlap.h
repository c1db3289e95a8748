/* SPDX-License-Identifier: BSD-3-Clause */
/* overlap.h - whether two files or devices have bytes in common */
#ifndef MCSAFE_TOOLS_OVERLAP_H
#define MCSAFE_TOOLS_OVERLAP_H

#include <sys/stat.h>

enum overlap {
	OVERLAP_NONE = 0,
	OVERLAP_SAME, /* they are one file or one device, perhaps by two names */
	OVERLAP_PART, /* what is written to one changes the other */
};

/*
 * Find out, from what stat(2) says of both. A loop device has the bytes of its file, a partition
 * has those of its disk, and a device of the device mapper, or of RAID, has those of the devices
 * below it: /sys tells. Which bytes a device of the device mapper has is not known. So two of them
 * over the same device are taken to have different ones, as logical volumes do.
 */
enum overlap overlap_of(const struct stat *one, const struct stat *other);

#endif /* MCSAFE_TOOLS_OVERLAP_H */
