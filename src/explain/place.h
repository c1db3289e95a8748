/* SPDX-License-Identifier: BSD-3-Clause */
/* place.h - the mapping that an address is in */
#ifndef MCSAFE_SRC_EXPLAIN_PLACE_H
#define MCSAFE_SRC_EXPLAIN_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/maps.h"

struct mcsafe__place {
	uintptr_t start, end;
	uint64_t offset; /* of start, in the file */
	dev_t device;
	ino_t inode;
	size_t page_size; /* 0: not known, because only the text was read */
	bool is_shared;
	bool is_cut; /* only the end of the path is known */
};

/* Find the mapping that holds addr, and its path, which is empty if there is none. The path has the
 * suffix " (deleted)" if the file was removed. If the text was read, and the path is longer than a
 * page, the path has \012 instead of each newline. *place and *path are written if there is a
 * mapping, and may be otherwise. */
enum mcsafe__mapped mcsafe__place_find(uintptr_t addr, struct mcsafe__place *place, char *path,
				       size_t room);

/* Write the name of the link in /proc/self/map_files that stands for the mapping. */
#define MCSAFE__PLACE_LINK 64
void mcsafe__place_link(const struct mcsafe__place *place, char name[MCSAFE__PLACE_LINK]);

#endif /* MCSAFE_SRC_EXPLAIN_PLACE_H */
