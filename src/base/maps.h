/* SPDX-License-Identifier: BSD-3-Clause */
/* maps.h - the mapping of this process that an address is in, from /proc/self/maps */
#ifndef MCSAFE_SRC_BASE_MAPS_H
#define MCSAFE_SRC_BASE_MAPS_H

#include <stdbool.h>

struct mcsafe__mapping {
	unsigned long start, end, offset;
	char perms[5];
	char path[256]; /* of a longer path only the end; empty if there is no path */
};

/* Find the mapping that holds addr. False if there is none, or if /proc cannot be read. Allocates
 * nothing. AS-Safe. */
bool mcsafe__mapping_of(unsigned long addr, struct mcsafe__mapping *mapping);

#endif /* MCSAFE_SRC_BASE_MAPS_H */
