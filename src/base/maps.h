/* SPDX-License-Identifier: BSD-3-Clause */
/* maps.h - the mapping of this process that an address is in, from /proc/self/maps */
#ifndef MCSAFE_SRC_BASE_MAPS_H
#define MCSAFE_SRC_BASE_MAPS_H

#include <stdbool.h>

struct mcsafe__mapping {
	unsigned long start, end, offset;
	unsigned long dev_major, dev_minor, inode; /* of the file; all 0 if there is none */
	char perms[5];
	char path[256]; /* of a longer path only the end; empty if there is no path */
};

enum mcsafe__mapped {
	MCSAFE__MAPPED,
	MCSAFE__NOT_MAPPED,
	MCSAFE__MAPPED_UNKNOWN, /* /proc cannot be read: in a chroot(2), say */
};

/* Find the mapping that holds addr. *mapping is written if there is one, and may be otherwise.
 * Allocates nothing. AS-Safe. */
enum mcsafe__mapped mcsafe__mapping_find(unsigned long addr, struct mcsafe__mapping *mapping);

#endif /* MCSAFE_SRC_BASE_MAPS_H */
