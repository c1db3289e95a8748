/* SPDX-License-Identifier: BSD-3-Clause */
/* range.h - options of commands that read a part of a file */
#ifndef MCSAFE_TOOLS_RANGE_H
#define MCSAFE_TOOLS_RANGE_H

#include <stdint.h>

#include "common/source.h"

/* The options --offset and --length. */
struct range {
	uint64_t offset, length; /* in bytes */
};

#define RANGE_ALL ((struct range){0, INT64_MAX})

/* The number of bytes of an option. Ends the program with a message if it is none. */
uint64_t range_number(const char *text, const char *option);

/* The number of the option --fill: 0 to 255. Ends the program with a message if it is none. */
unsigned char range_byte(const char *text);

/* The word of the option --method. Ends the program with a message if it is none. */
enum source_way range_way(const char *text);

/*
 * Where the range ends in a file of a size: the file can end before it. Ends the program with a
 * message if the range begins past the end of the file.
 */
uint64_t range_end(const struct range *range, uint64_t size, const char *path);

#endif /* MCSAFE_TOOLS_RANGE_H */
