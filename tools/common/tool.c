/* SPDX-License-Identifier: BSD-3-Clause */
/* tool.c - errors, memory and options of all commands of mcsafe */
#include "common/tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/progress.h"

const char *tool_name = "mcsafe";

__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list args)
{
	progress_hide();
	fprintf(stderr, "%s: ", tool_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void tool_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

void tool_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	exit(STATUS_ERROR);
}

void *tool_alloc(size_t n, size_t each)
{
	void *memory = calloc(n > 0 ? n : 1, each);

	if (memory == NULL)
		tool_fail("no memory for %zu times %zu bytes", n, each);
	return memory;
}

char *tool_copy_text(const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		tool_fail("no memory for %zu bytes", strlen(text) + 1);
	return copy;
}

void tool_parse(const struct argp *argp, int argc, char **argv, unsigned flags, void *input)
{
	/* argp begins its messages with these. */
	program_invocation_name = program_invocation_short_name = (char *)(uintptr_t)tool_name;
	argv[0] = program_invocation_name;
	argp_err_exit_status = STATUS_ERROR;
	if (argp_parse(argp, argc, argv, flags, NULL, input) != 0)
		exit(STATUS_ERROR);
}

int tool_end(enum status status)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		tool_warn("standard output: %s", strerror(errno));
		return STATUS_ERROR;
	}
	return (int)status;
}
