/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * file.h - the file of a mapping
 *
 * Closing a descriptor that was opened with O_PATH does not touch the record locks of the process.
 * Any other descriptor of the file would remove them (fcntl(2), "Advisory record locking").
 * So the file is opened for reading only in a child that has descriptors of its own (reading.h).
 */
#ifndef MCSAFE_SRC_EXPLAIN_FILE_H
#define MCSAFE_SRC_EXPLAIN_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "place.h"

struct mcsafe__file {
	int fd;         /* O_PATH; -1: the file could not be found */
	struct stat st; /* if fd is not -1 */
	bool has_fs;    /* the next member is known */
	struct statfs fs;
	int away;          /* the errno value of a server that does not answer; or 0 */
	bool is_deleted;   /* the path has had the suffix " (deleted)", which was removed */
	bool is_unchecked; /* the path was not seen to lead to the file */
	/* The file belongs to memfd_create(2), shmget(2) or anonymous memory, and has no path. */
	bool is_internal;
	size_t huge_page; /* if the file is internal: bytes of a huge page; 0: usual pages */
};

/* Find the file of a mapping. `path` is changed to the path of the file without the marks of the
 * kernel: "memfd:NAME", "SYSV..." of shmget(2), or empty for anonymous memory, if the file is the
 * kernel's own. mcsafe__file_close() must be called afterwards. */
void mcsafe__file_find(const struct mcsafe__place *place, struct mcsafe__file *file, char *path);

void mcsafe__file_close(const struct mcsafe__file *file);

/* Whether an errno value says that the server of a file system cannot be reached. */
bool mcsafe__is_away(int error);

/* Bytes of a regular file, a block device or a device-dax node; -1: not known. */
off_t mcsafe__file_size(const struct mcsafe__file *file);

/* Blocks that the ext4 file system of the file keeps back from everybody. False: not known. */
bool mcsafe__file_kept_back(const struct mcsafe__file *file, uint64_t *blocks);

#endif /* MCSAFE_SRC_EXPLAIN_FILE_H */
