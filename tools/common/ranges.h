/* SPDX-License-Identifier: BSD-3-Clause */
/* ranges.h - lists of bad ranges in files, and ranges as people write them */
#ifndef MCSAFE_TOOLS_RANGES_H
#define MCSAFE_TOOLS_RANGES_H

#include <stdbool.h>
#include <stddef.h>

#include <mcsafe/badblocks.h>

/* An empty registry. Ends the program if there is no memory. */
struct mcsafe_badblocks *ranges_create(void);

/* Add a range. Ends the program if there is no memory. */
void ranges_add(struct mcsafe_badblocks *bad, size_t start, size_t len);

/*
 * Add the ranges of a text of mcsafe_badblocks_save(). "-" is standard input. Ends the program with
 * a message that names the file and the line if that is not possible.
 */
void ranges_load(struct mcsafe_badblocks *bad, const char *path);

/* Write a registry to a file, whole or not at all. "-" is standard output. */
void ranges_save(const struct mcsafe_badblocks *bad, const char *path);

/* Remove what is at `size` or after it, and return how many bytes that were. */
size_t ranges_cut(struct mcsafe_badblocks *bad, size_t size);

/*
 * Read "START+LENGTH", both as of size_read(). Returns false if the text is no such range, or has
 * no byte.
 */
bool range_read(const char *text, struct mcsafe_range *range);

/* Room for range_text(). */
#define RANGE_TEXT 64

/* Write "bytes 4096-8191". */
const char *range_text(const struct mcsafe_range *range, char text[RANGE_TEXT]);

#endif /* MCSAFE_TOOLS_RANGES_H */
