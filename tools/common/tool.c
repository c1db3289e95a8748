/* SPDX-License-Identifier: BSD-3-Clause */
/* tool.c - errors, memory and signals of all commands of mcsafe */
#include "common/tool.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "common/progress.h"

const char *tool_name = "mcsafe";

static void (*tell_before_failure)(void *arg);
static void *told;

void tool_warn_args(const char *format, va_list args)
{
	char *text, *shown;
	size_t room;

	progress_hide();
	if (vasprintf(&text, format, args) < 0) {
		fprintf(stderr, "%s: no memory for a message\n", tool_name);
		return;
	}
	room = strlen(text) * MCSAFE__ESCAPED_LEN + 1;
	shown = malloc(room);
	if (shown != NULL)
		mcsafe__escape(shown, room, text);
	fprintf(stderr, "%s: %s\n", tool_name, shown != NULL ? shown : "no memory for a message");
	free(shown);
	free(text);
}

void tool_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tool_warn_args(format, args);
	va_end(args);
}

void tool_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tool_warn_args(format, args);
	va_end(args);
	if (tell_before_failure != NULL) {
		void (*tell)(void *arg) = tell_before_failure;

		tell_before_failure = NULL;
		tell(told);
	}
	exit(STATUS_ERROR);
}

void tool_tell_before_failure(void (*tell)(void *arg), void *arg)
{
	tell_before_failure = tell;
	told = arg;
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

const char *tool_signal(int number)
{
	static char text[32];
	const char *name = sigabbrev_np(number);

	if (name != NULL)
		snprintf(text, sizeof(text), "SIG%s", name);
	else
		snprintf(text, sizeof(text), "signal %d", number);
	return text;
}

void tool_catch_end(void (*handler)(int signo))
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = handler, .sa_flags = (int)SA_RESETHAND}, old;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
}

int tool_end(enum status status)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		tool_warn("standard output: %s", strerror(errno));
		return STATUS_ERROR;
	}
	return (int)status;
}
