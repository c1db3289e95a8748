/* SPDX-License-Identifier: BSD-3-Clause */
/* files.h - files that a command writes whole or not at all */
#ifndef MCSAFE_TOOLS_FILES_H
#define MCSAFE_TOOLS_FILES_H

#include <stdio.h>

#include "common/overlap.h"

/* A file that is being written. It has another name until files_keep(). */
struct new_file {
	FILE *to;
	char *path;      /* what it will be */
	char *temporary; /* what it is now, in the same directory; NULL: it is written in place */
	int error;       /* why a write has failed, an errno value, where the writer knows; or 0 */
};

/*
 * Begin. Ends the program with a message if the file cannot be made. If the path is a symbolic
 * link, the file that it leads to is replaced, and the link stays. A pipe, a terminal or /dev/null
 * is written to, and stays what it is. A block device or a directory is refused.
 */
void files_begin(struct new_file *file, const char *path);

/*
 * Whether two paths name one file or device, or would if they existed: ./map and map. Or one of
 * them has bytes of the other.
 */
enum overlap files_overlap(const char *one, const char *other);

/*
 * End the program with a message if an option would overwrite a file that the command reads, or
 * that it writes too, or a part of it. `what` is for people. Paths that are NULL are passed over.
 */
void files_keep_apart(const char *option, const char *path, const char *what, const char *other);

/*
 * End the program with a message if a file could not be made: before long work is done whose result
 * the file will have. NULL is passed over. A pipe is not opened.
 */
void files_check(const char *path);

/*
 * Write all of it to the medium (fsync(2)), and give it its name in one step: after a crash there
 * is the old file or the new one. Ends the program with a message if that fails; then the old file
 * is as it was. What is written in place is only flushed.
 */
void files_keep(struct new_file *file);

#endif /* MCSAFE_TOOLS_FILES_H */
