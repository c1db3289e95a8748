/* SPDX-License-Identifier: BSD-3-Clause */
/* reading.h - read a byte of a file in a child, so that the record locks of the process stay */
#ifndef MCSAFE_SRC_EXPLAIN_READING_H
#define MCSAFE_SRC_EXPLAIN_READING_H

#include <sys/types.h>

/* The other results are 0, if the byte could be read, and errno values of pread(2). */
enum {
	MCSAFE__READING_REFUSED = -1, /* no child, or the file could not be opened for reading */
	MCSAFE__READING_HOLE = -2     /* the whole page is a hole of the file */
};

/* What comes of reading the byte at `offset` of the regular file or block device that `fd` refers
 * to. fd may have been opened with O_PATH. */
int mcsafe__reading(int fd, off_t offset);

#endif /* MCSAFE_SRC_EXPLAIN_READING_H */
