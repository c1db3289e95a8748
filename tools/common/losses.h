/* SPDX-License-Identifier: BSD-3-Clause */
/* losses.h - the ranges of a file that could not be read, and why */
#ifndef MCSAFE_TOOLS_LOSSES_H
#define MCSAFE_TOOLS_LOSSES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>

#include "common/mapfile.h"

struct loss {
	uint64_t start, len; /* in bytes */
	const char *reason;  /* one word for machines, a static string */
	char *text;          /* the reason for people */
};

/* All zero is an empty list. */
struct losses {
	struct loss *list;
	size_t count, room;
	uint64_t bytes;
};

/* Add a range to the end. It becomes one with the last range if both touch and have one text. */
void losses_add(struct losses *losses, uint64_t start, uint64_t len, const char *reason,
		const char *text);

/*
 * List what a map has as bad in [start, end), in order. The reasons are those of `found`, which may
 * be in any order and is sorted here. What is not in `found` was bad before: the map file says so.
 */
void losses_of_map(struct losses *losses, const struct map *map, uint64_t start, uint64_t end,
		   struct losses *found);

/* Write one line for each range, indented. Of a long list only the beginning is written. */
void losses_print(const struct losses *losses, FILE *to);

/* An array of objects with start, length, reason and text. */
struct json_object *losses_json(const struct losses *losses);

void losses_free(struct losses *losses);

#endif /* MCSAFE_TOOLS_LOSSES_H */
