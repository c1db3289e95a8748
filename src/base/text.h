/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * text.h - lines of text, made without stdio and without allocation
 *
 * For children that write reports (report/child.c). If a line cannot be written, the process ends.
 */
#ifndef MCSAFE_SRC_TEXT_H
#define MCSAFE_SRC_TEXT_H

#include <stddef.h>

struct mcsafe__text {
	int fd;
	size_t n;
	char line[2048]; /* room for a path of 255, a name of 127, all escaped, and numbers */
};

void mcsafe__put(struct mcsafe__text *t, const char *s);

/* The same for text that comes from outside: what could mislead a reader is escaped (escape.h). */
void mcsafe__put_outside(struct mcsafe__text *t, const char *s);

void mcsafe__put_number(struct mcsafe__text *t, unsigned long value, unsigned base);
void mcsafe__put_hex(struct mcsafe__text *t, unsigned long value);
void mcsafe__put_decimal(struct mcsafe__text *t, long value);

/* Write the line to fd, and begin a new line. If that fails, end the process: _exit(1). */
void mcsafe__end_line(struct mcsafe__text *t);

#endif /* MCSAFE_SRC_TEXT_H */
