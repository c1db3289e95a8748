/* SPDX-License-Identifier: BSD-3-Clause */
/* numbers.h - short names of files with numbers in them, and files that hold one number */
#ifndef MCSAFE_SRC_EXPLAIN_NUMBERS_H
#define MCSAFE_SRC_EXPLAIN_NUMBERS_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/descriptor.h"

/* Write text to `to`, and return where its 0 is. */
static inline char *mcsafe__append(char *to, const char *text)
{
	size_t n = strlen(text);

	memcpy(to, text, n + 1);
	return to + n;
}

static inline char *mcsafe__append_number(char *to, uint64_t value, unsigned base)
{
	char digits[24];
	size_t i = sizeof(digits) - 1;

	digits[i] = '\0';
	do {
		digits[--i] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	return mcsafe__append(to, &digits[i]);
}

/* Read a file that holds a decimal number, or "max", which counts as UINT64_MAX. */
static inline bool mcsafe__read_number(const char *name, uint64_t *value)
{
	int fd = mcsafe__above_standard(open(name, O_RDONLY | O_CLOEXEC));
	char text[32];
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	*value = UINT64_MAX;
	if (strncmp(text, "max", 3) == 0)
		return true;
	if (text[0] < '0' || text[0] > '9')
		return false;
	*value = 0;
	for (const char *c = text; *c >= '0' && *c <= '9'; c++)
		*value = *value * 10 + (uint64_t)(*c - '0');
	return true;
}

#endif /* MCSAFE_SRC_EXPLAIN_NUMBERS_H */
