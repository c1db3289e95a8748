/* SPDX-License-Identifier: BSD-3-Clause */
/* lines.h - text of two numbers a line, as the kernel and libmcsafe write lists of bad ranges */
#ifndef MCSAFE_SRC_BADBLOCKS_LINES_H
#define MCSAFE_SRC_BADBLOCKS_LINES_H

#include <stddef.h>
#include <stdio.h>

#include <mcsafe/copy.h>

/* A list of ranges that grows. */
struct mcsafe__ranges {
	struct mcsafe_range *list; /* from malloc() */
	size_t n;
	size_t room;
};

/* 0 or -ENOMEM. */
int mcsafe__ranges_append(struct mcsafe__ranges *ranges, struct mcsafe_range range);

/*
 * Append the ranges in the lines of a stream, whose numbers count units of `unit` bytes. 0;
 * -ENOMEM; -errno of reading; or -EINVAL: line *line, counted from 1, is not a pair of numbers that
 * makes a range, or does not end with a newline. Ranges of the lines before an error stay in the
 * list.
 */
int mcsafe__ranges_read(struct mcsafe__ranges *ranges, FILE *from, size_t unit, size_t *line);

#endif /* MCSAFE_SRC_BADBLOCKS_LINES_H */
