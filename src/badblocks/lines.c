/* SPDX-License-Identifier: BSD-3-Clause */
/* lines.c - read lines of two numbers */
#include "lines.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "registry.h"

int mcsafe__ranges_append(struct mcsafe__ranges *ranges, struct mcsafe_range range)
{
	if (ranges->n == ranges->room) {
		size_t room = ranges->room != 0 ? 2 * ranges->room : 64;
		struct mcsafe_range *list = realloc(ranges->list, room * sizeof(*list));

		if (list == NULL)
			return -ENOMEM;
		ranges->list = list;
		ranges->room = room;
	}
	ranges->list[ranges->n++] = range;
	return 0;
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t';
}

static int skip_blanks(FILE *from, int c)
{
	while (is_blank(c))
		c = getc(from);
	return c;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* Read the number that begins with c, and return the character after it. strtoull(3) would accept
 * signs, and takes a string. */
static int read_number(FILE *from, int c, size_t *number, bool *ok)
{
	*number = 0;
	if (!is_digit(c))
		*ok = false;
	for (; is_digit(c); c = getc(from))
		if (__builtin_mul_overflow(*number, (size_t)10, number) ||
		    __builtin_add_overflow(*number, (size_t)(c - '0'), number))
			*ok = false;
	return c;
}

/* The rest of a line whose first character is c. */
static bool read_pair(FILE *from, int c, size_t unit, struct mcsafe_range *range)
{
	bool ok = true;
	size_t start = 0, len = 0;

	c = read_number(from, c, &start, &ok);
	/* The character after the first number is not a digit, so blanks must separate the two. */
	if (ok)
		c = read_number(from, skip_blanks(from, c), &len, &ok);
	if (!ok || skip_blanks(from, c) != '\n')
		return false;
	return !__builtin_mul_overflow(start, unit, &range->start) &&
	       !__builtin_mul_overflow(len, unit, &range->len) &&
	       mcsafe__range_is_valid(range->start, range->len);
}

static int skip_line(FILE *from, int c)
{
	while (c != '\n' && c != EOF)
		c = getc(from);
	return c;
}

int mcsafe__ranges_read(struct mcsafe__ranges *ranges, FILE *from, size_t unit, size_t *line)
{
	int c, err;

	errno = 0;
	for (*line = 1; (c = getc(from)) != EOF; ++*line) {
		struct mcsafe_range range;
		bool comment = c == '#';

		if (comment)
			c = skip_line(from, c);
		else
			c = skip_blanks(from, c);
		if (c == '\n')
			continue;
		if (comment || !read_pair(from, c, unit, &range))
			return ferror(from) ? -errno : -EINVAL;
		err = mcsafe__ranges_append(ranges, range);
		if (err != 0)
			return err;
	}
	return ferror(from) ? -errno : 0;
}
