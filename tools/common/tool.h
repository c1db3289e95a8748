/* SPDX-License-Identifier: BSD-3-Clause */
/* tool.h - what all commands of mcsafe share: exit statuses, errors, the name of the command */
#ifndef MCSAFE_TOOLS_TOOL_H
#define MCSAFE_TOOLS_TOOL_H

#include <stdarg.h>
#include <stddef.h>

/* What a command ends with. */
enum status {
	STATUS_FINE = 0,
	STATUS_ERROR = 1, /* wrong usage, or the command could not do its work */
	STATUS_LOST = 74, /* EX_IOERR of sysexits.h: the work is done, and data were lost */
};

/* "mcsafe run" in mcsafe run. It begins every message. */
extern const char *tool_name;

/*
 * Write "mcsafe run: " and the text to standard error, in one line: names of files can have control
 * characters, and these become \xNN. A line of progress is taken away before.
 */
void tool_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, for functions that have arguments of any number themselves. */
void tool_warn_args(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* The same, then end with STATUS_ERROR. */
_Noreturn void tool_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Before tool_fail() ends the program, call tell(arg) once, so that what the command has found is
 * not lost with the file that it could not write. NULL: nothing is told any more.
 */
void tool_tell_before_failure(void (*tell)(void *arg), void *arg);

/* Memory for n things of a size each, zeroed. Ends the program if there is none. */
void *tool_alloc(size_t n, size_t each);

/* A copy of a text. Ends the program if there is no memory. */
char *tool_copy_text(const char *text);

/* The name of a signal, "SIGTERM", or "signal 35": a real-time signal has none. Valid until the
 * next call. */
const char *tool_signal(int number);

/*
 * Catch SIGINT, SIGTERM and SIGHUP, so that the command can end in order. The second signal of the
 * same number ends it at once. What is ignored stays so: nohup(1), and shells without job control
 * for what runs in the background, have signals ignored.
 */
void tool_catch_end(void (*handler)(int signo));

/* Flush standard output, and return the status. A write that failed is told, and is an error. */
int tool_end(enum status status);

#endif /* MCSAFE_TOOLS_TOOL_H */
