/* SPDX-License-Identifier: BSD-3-Clause */
/* maps.h - the mapping of this process that an address is in, from /proc/self/maps */
#ifndef MCSAFE_SRC_BASE_MAPS_H
#define MCSAFE_SRC_BASE_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct mcsafe__mapping {
	unsigned long start, end, offset, inode;
	dev_t device;
	char perms[5];
	bool is_cut;    /* of mcsafe__mapping_find_path(): only the end of the path is there */
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

/* Find the first mapping that ends after addr, in the open file /proc/self/maps. Nobody may read
 * the file meanwhile. AS-Safe, but for errno. */
enum mcsafe__mapped mcsafe__mapping_next_in(int maps, unsigned long addr,
					    struct mcsafe__mapping *mapping);

/* The same as mcsafe__mapping_find(), but the path is written to `path` with its `room` bytes, and
 * mapping->path is empty. */
enum mcsafe__mapped mcsafe__mapping_find_path(unsigned long addr, struct mcsafe__mapping *mapping,
					      char *path, size_t room);

#endif /* MCSAFE_SRC_BASE_MAPS_H */
