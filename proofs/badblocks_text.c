/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * badblocks_text.c
 *
 * function: read_pair (lines.c)
 * property: two numbers with blanks between them, and a valid range; anything else is refused
 * loops: bounded, any line of up to 7 characters, in units of 1 or 512
 * unwind: 9
 * break: src/badblocks/lines.c s/c >= '0' \&\& c <= '9'/c >= '0' \&\& c <= ':'/
 * break: src/badblocks/lines.c s/if (!is_digit(c))/if (false)/
 * break: src/badblocks/lines.c s/(size_t)10, number/(size_t)8, number/
 * break: src/badblocks/lines.c s/!ok || skip_blanks(from, c) != '.n'/!ok/
 * break: src/badblocks/lines.c s/c == ' ' || c == '.t'/c == ' '/
 */
#include "badblocks.h"

#include <stdio.h>

#define LENGTH 7

static int text[LENGTH + 1];
static size_t next;

static int next_character(FILE *from)
{
	(void)from;
	return next <= LENGTH ? text[next++] : EOF;
}

#undef getc
#define getc next_character
#include "../src/badblocks/lines.c"

/* The same grammar by positions: digits, blanks, digits, blanks, the end of the line. */
static bool expected(size_t unit, struct mcsafe_range *range)
{
	unsigned __int128 numbers[2] = {0, 0};
	size_t at = 0, from;

	for (size_t i = 0; i < 2; i++) {
		for (from = at; text[at] >= '0' && text[at] <= '9'; at++)
			numbers[i] = numbers[i] * 10 + (unsigned)(text[at] - '0');
		if (at == from)
			return false;
		for (from = at; text[at] == ' ' || text[at] == '\t'; at++)
			;
	}
	if (text[at] != '\n')
		return false;
	range->start = (size_t)numbers[0] * unit;
	range->len = (size_t)numbers[1] * unit;
	return range->len != 0;
}

void proof(void)
{
	size_t unit = nondet_bool() ? 1 : 512;
	struct mcsafe_range range, right;
	bool good, wanted;

	for (size_t i = 0; i < LENGTH; i++) {
		text[i] = nondet_int();
		SUPPOSE(text[i] == EOF || (text[i] >= 0 && text[i] <= 255));
	}
	text[LENGTH] = '\n';
	wanted = expected(unit, &right);
	good = read_pair(NULL, next_character(NULL), unit, &range);
	PROVE(good == wanted);
	if (good) {
		PROVE(range.start == right.start && range.len == right.len);
		REACH();
	}
	END();
}
