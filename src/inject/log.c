/* SPDX-License-Identifier: BSD-3-Clause */
/* log.c - lines for those who watch a program from outside: its failing copies */
#include "log.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <ucontext.h>
#include <unistd.h>

#include <mcsafe/report.h>

#include "base/descriptor.h"
#include "base/errno_kept.h"
#include "base/escape.h"
#include "base/no_cancel.h"

#define FRAMES 32
/* A path of which every byte is escaped, and the words before it. */
#define LINE   (PATH_MAX * MCSAFE__ESCAPED_LEN + 80)

static const char *log_file, *trace_file;
static char program[PATH_MAX]; /* empty: not known */

/*
 * A line goes out in one write(2) to a file opened for appending, so that processes can share it.
 * The descriptor is not kept: the program may close it, and get its number for a file of its own.
 * It is none of the standard ones, to which another thread may write.
 */
static void append(const char *file, const char *line, size_t len)
{
	/* open(2), write(2) and close(2) are cancellation points, and a copy is none. */
	MCSAFE__NO_CANCEL();
	int fd =
		mcsafe__above_standard(open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666));

	if (fd < 0 || write(fd, line, len) != (ssize_t)len) {
		static const char to_log[] = "libmcsafe-inject: cannot write MCSAFE_INJECT_LOG\n",
				  to_trace[] =
					  "libmcsafe-inject: cannot write MCSAFE_INJECT_TRACE\n";
		bool is_log = file == log_file;

		/* A user who steps through all copies would stop too early if a failure were
		 * missing in the log. */
		if (write(STDERR_FILENO, is_log ? to_log : to_trace,
			  (is_log ? sizeof(to_log) : sizeof(to_trace)) - 1) < 0)
			_exit(3);
		_exit(2);
	}
	close(fd);
}

/* The same for a line whose last word is a path. */
static void append_path(char line[LINE], int len, const char *path)
{
	size_t end = (size_t)len;

	end += mcsafe__escape(line + end, LINE - end - 1, path);
	line[end++] = '\n';
	append(trace_file, line, end);
}

static void trace_frame(size_t order, uintptr_t address, const void *program_base)
{
	char line[LINE];
	int len;
	Dl_info found;

	if (dladdr((void *)address, &found) == 0 || found.dli_fname == NULL) {
		len = snprintf(line, sizeof(line), "%ld frame %zu %#lx \n", (long)getpid(), order,
			       (unsigned long)address);
		append(trace_file, line, (size_t)len);
		return;
	}
	len = snprintf(line, sizeof(line), "%ld frame %zu %#lx ", (long)getpid(), order,
		       (unsigned long)(address - (uintptr_t)found.dli_fbase));
	/* The loader knows the program by its argv[0], which need not be a path. */
	append_path(line, len,
		    found.dli_fbase == program_base && program[0] != '\0' ? program
									  : found.dli_fname);
}

/* Find the callers of this function: 0 or less without libunwind. The compiler takes getcontext(3)
 * for a function that returns twice, so nothing else is done here. */
static int find_callers(void **frames, size_t n)
{
	ucontext_t here;

	return getcontext(&here) == 0 ? mcsafe_backtrace(&here, frames, n) : 0;
}

/* Write the callers of a copy: those that libunwind finds, or else the first one. */
static void trace_callers(size_t order, const void *caller)
{
	void *frames[FRAMES];
	Dl_info self;
	int n, first = 0;
	const void *base = NULL;

	if (dladdr((void *)getauxval(AT_PHDR), &self) != 0)
		base = self.dli_fbase;
	n = find_callers(frames, FRAMES);
	/* The functions of the injector come first. */
	while (first < n && frames[first] != caller)
		first++;
	if (first >= n) {
		trace_frame(order, (uintptr_t)caller, base);
		return;
	}
	for (int i = first; i < n; i++)
		trace_frame(order, (uintptr_t)frames[i], base);
}

/* secure_getenv(): a set-user-ID program ignores these variables. The program may change them. */
static const char *file_of(const char *variable)
{
	const char *file = secure_getenv(variable);

	return file != NULL && *file != '\0' ? strdup(file) : NULL;
}

void mcsafe__log_begin(void)
{
	log_file = file_of("MCSAFE_INJECT_LOG");
	trace_file = file_of("MCSAFE_INJECT_TRACE");
}

void mcsafe__log_program(enum mcsafe_inject_kind kind)
{
	char line[LINE];
	void *frame;
	ssize_t len;

	if (trace_file == NULL)
		return;
	len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	program[len > 0 ? len : 0] = '\0';
	append_path(line,
		    snprintf(line, sizeof(line), "%ld begin %s ", (long)getpid(),
			     mcsafe_inject_kind_name(kind)),
		    program);
	/* libunwind allocates memory on its first use (report.h). */
	(void)find_callers(&frame, 1);
}

void mcsafe__log_copy(size_t order, const char *function, size_t n, size_t offset,
		      const void *caller)
{
	MCSAFE__KEEP_ERRNO();
	char line[160];
	int len;

	if (log_file != NULL) {
		len = snprintf(line, sizeof(line), "%ld %s n=%zu failed at %zu\n", (long)getpid(),
			       function, n, offset);
		append(log_file, line, (size_t)len);
	}
	if (trace_file != NULL) {
		len = snprintf(line, sizeof(line), "%ld copy %zu %s n=%zu failed at %zu\n",
			       (long)getpid(), order, function, n, offset);
		append(trace_file, line, (size_t)len);
		trace_callers(order, caller);
	}
}

/* A program that ends with exit(3) says how many copies it has made. */
__attribute__((destructor)) static void trace_end(void)
{
	MCSAFE__KEEP_ERRNO();
	char line[80];

	if (trace_file != NULL)
		append(trace_file, line,
		       (size_t)snprintf(line, sizeof(line), "%ld end copies=%zu\n", (long)getpid(),
					mcsafe_inject_copies()));
}
