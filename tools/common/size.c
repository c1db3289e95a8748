/* SPDX-License-Identifier: BSD-3-Clause */
/* size.c - sizes and offsets as people write and read them */
#include "common/size.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Find what one unit has in bytes. 0: there is no such unit. */
static uint64_t unit(const char *text)
{
	static const char letters[] = "KMGTP";
	const char *letter;
	uint64_t base = 1024, bytes = 1;

	if (text[0] == '\0')
		return 1;
	if (strcmp(text, "s") == 0)
		return 512;
	letter = strchr(letters, toupper((unsigned char)text[0]));
	if (letter == NULL)
		return 0;
	if (strcmp(text + 1, "B") == 0)
		base = 1000;
	else if (text[1] != '\0' && strcmp(text + 1, "iB") != 0)
		return 0;
	for (const char *at = letters; at <= letter; at++)
		bytes *= base;
	return bytes;
}

bool size_read(const char *text, uint64_t *size)
{
	bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	unsigned long long number;
	uint64_t bytes;
	char *end;

	/* strtoull(3) would take spaces and a sign. */
	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	number = strtoull(text, &end, hexadecimal ? 16 : 10);
	if (errno != 0 || (hexadecimal && end == text + 1))
		return false;
	bytes = unit(end);
	if (bytes == 0 || __builtin_mul_overflow(number, bytes, size))
		return false;
	return *size <= INT64_MAX;
}

const char *size_text(uint64_t size, char text[SIZE_TEXT])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	size_t i = 0;
	uint64_t whole = size, rest = 0;

	for (; whole >= 1024; i++) {
		rest = whole % 1024;
		whole /= 1024;
	}
	if (i == 0 || whole >= 100)
		snprintf(text, SIZE_TEXT, "%u %s", (unsigned)whole, units[i]);
	else
		snprintf(text, SIZE_TEXT, "%u.%u %s", (unsigned)whole, (unsigned)(rest * 10 / 1024),
			 units[i]);
	return text;
}
