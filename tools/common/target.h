/* SPDX-License-Identifier: BSD-3-Clause */
/* target.h - the file or device that a command is about */
#ifndef MCSAFE_TOOLS_TARGET_H
#define MCSAFE_TOOLS_TARGET_H

#include <stddef.h>

#include <mcsafe/pmem.h>

struct target {
	const char *path;
	char *shown; /* the path, visible */
	struct mcsafe_pmem *pmem;
	size_t size, align; /* in bytes; for `align` see struct mcsafe_pmem_info */
};

/*
 * Install the handler, and open a file or device with the flags of enum mcsafe_pmem_flag. Ends the
 * program with a message if that fails.
 */
void target_open(struct target *target, const char *path, int flags);
void target_close(struct target *target);

/* Why the kernel has no list of bad blocks, for an error of mcsafe_badblocks_ask(). */
const char *target_not_asked(int error);

#endif /* MCSAFE_TOOLS_TARGET_H */
