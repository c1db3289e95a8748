/* SPDX-License-Identifier: BSD-3-Clause */
/* text.c - lines of text, made without stdio and without allocation */
#include "text.h"

#include <unistd.h>

#include "escape.h"

void mcsafe__put(struct mcsafe__text *t, const char *s)
{
	while (*s != '\0' && t->n < sizeof(t->line) - 1)
		t->line[t->n++] = *s++;
}

void mcsafe__put_outside(struct mcsafe__text *t, const char *s)
{
	t->n += mcsafe__escape(t->line + t->n, sizeof(t->line) - t->n, s);
}

void mcsafe__put_number(struct mcsafe__text *t, unsigned long value, unsigned base)
{
	char digits[24];
	size_t i = sizeof(digits) - 1;

	digits[i] = '\0';
	do {
		digits[--i] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	mcsafe__put(t, &digits[i]);
}

void mcsafe__put_hex(struct mcsafe__text *t, unsigned long value)
{
	mcsafe__put(t, "0x");
	mcsafe__put_number(t, value, 16);
}

void mcsafe__put_decimal(struct mcsafe__text *t, long value)
{
	if (value < 0)
		mcsafe__put(t, "-");
	mcsafe__put_number(t, value < 0 ? -(unsigned long)value : (unsigned long)value, 10);
}

void mcsafe__end_line(struct mcsafe__text *t)
{
	size_t done = 0;

	t->line[t->n++] = '\n';
	while (done < t->n) {
		ssize_t n = write(t->fd, t->line + done, t->n - done);

		if (n <= 0)
			_exit(1);
		done += (size_t)n;
	}
	t->n = 0;
}
