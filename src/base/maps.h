/* SPDX-License-Identifier: BSD-3-Clause */
/* maps.h - the mapping of this process that an address is in, from /proc/self/maps */
#ifndef MCSAFE_SRC_BASE_MAPS_H
#define MCSAFE_SRC_BASE_MAPS_H

#include <stdbool.h>

struct mcsafe__mapping {
	unsigned long start, end, offset;
	char perms[5];
	char path[256]; /* the last part of a longer path; empty if there is no path */
};

/* Find the mapping of addr. False: there is none, or /proc cannot be read. No allocation. AS-Safe. */
bool mcsafe__mapping_of(unsigned long addr, struct mcsafe__mapping *mapping);

#endif /* MCSAFE_SRC_BASE_MAPS_H */
