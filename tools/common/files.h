/* SPDX-License-Identifier: BSD-3-Clause */
/* files.h - files that a command writes whole or not at all */
#ifndef MCSAFE_TOOLS_FILES_H
#define MCSAFE_TOOLS_FILES_H

#include <stdio.h>

/* A file that is being written. It has another name until files_keep(). */
struct new_file {
	FILE *to;
	char *path;      /* what it will be */
	char *temporary; /* what it is now, in the same directory */
};

/* Begin. Ends the program with a message if the file cannot be made. */
void files_begin(struct new_file *file, const char *path);

/*
 * Write all of it to the medium (fsync(2)), and give it its name in one step: after a crash there
 * is the old file or the new one. Ends the program with a message if that fails; then the old file
 * is as it was.
 */
void files_keep(struct new_file *file);

#endif /* MCSAFE_TOOLS_FILES_H */
