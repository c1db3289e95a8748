/* SPDX-License-Identifier: BSD-3-Clause */
/* lines.h - text of two numbers a line, as the kernel and libmcsafe write lists of bad ranges */
#ifndef MCSAFE_SRC_BADBLOCKS_LINES_H
#define MCSAFE_SRC_BADBLOCKS_LINES_H

#include <stddef.h>
#include <stdio.h>

#include <mcsafe/copy.h>

/* A list that grows. */
struct mcsafe__ranges {
	struct mcsafe_range *list; /* from malloc() */
	size_t n;
	size_t room;
};

/* 0 or -ENOMEM. */
int mcsafe__ranges_append(struct mcsafe__ranges *ranges, struct mcsafe_range range);

/*
 * Append what the lines of a stream say, in units of so many bytes. 0, -ENOMEM, -errno of reading,
 * or -EINVAL, and *line, counted from 1, is no pair of numbers that makes a range, or has no end.
 * What has been appended before an error stays.
 */
int mcsafe__ranges_read(struct mcsafe__ranges *ranges, FILE *from, size_t unit, size_t *line);

#endif /* MCSAFE_SRC_BADBLOCKS_LINES_H */
