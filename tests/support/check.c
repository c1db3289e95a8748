/* SPDX-License-Identifier: BSD-3-Clause */
/* check.c - checks for child processes: what a failure prints */
#include "check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* Ends the line and the process. number is errno when the check failed. */
static _Noreturn void end(int number)
{
	fprintf(stderr, " (errno %d)\n", number);
	_exit(1);
}

static void begin(const struct t_compared *compared)
{
	fprintf(stderr, "%s:%d: in the child: not true: %s %s %s", compared->file, compared->line,
		compared->left, compared->relation, compared->right);
}

void t_check_failed(const char *condition, const char *file, int line)
{
	int number = errno;

	fprintf(stderr, "%s:%d: in the child: not true: %s", file, line, condition);
	end(number);
}

static void print_number(const char *text, struct t_number number)
{
	if (number.negative)
		fprintf(stderr, "%s is %" PRIdMAX, text, (intmax_t)number.bits);
	else
		fprintf(stderr, "%s is %" PRIuMAX, text, number.bits);
	fprintf(stderr, " (%#" PRIxMAX ")", number.bits);
}

void t_check_numbers_failed(struct t_compared compared, struct t_number left, struct t_number right)
{
	int number = errno;

	begin(&compared);
	print_number("; the left side", left);
	print_number(", the right side", right);
	end(number);
}

void t_check_pointers_failed(struct t_compared compared, uintptr_t left, uintptr_t right)
{
	int number = errno;

	begin(&compared);
	fprintf(stderr, "; the left side is %#" PRIxPTR ", the right side is %#" PRIxPTR, left,
		right);
	end(number);
}

void t_check_strings_failed(struct t_compared compared, const char *left, const char *right)
{
	int number = errno;

	begin(&compared);
	fprintf(stderr, "; the left side is \"%s\", the right side is \"%s\"", left, right);
	end(number);
}

void t_check_bytes_failed(struct t_compared compared, const void *left, const void *right, size_t n)
{
	const unsigned char *a = left, *b = right;
	int number = errno;
	size_t i = 0;

	while (i < n - 1 && a[i] == b[i])
		i++;
	begin(&compared);
	fprintf(stderr, ", of %zu bytes; the left side has %#x at byte %zu, the right side %#x", n,
		a[i], i, b[i]);
	end(number);
}
