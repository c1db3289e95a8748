/* SPDX-License-Identifier: BSD-3-Clause */
/* with_ndctl.c - runs the program that has libndctl */
#include "lab.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM  "/bin/lab_ndctl"
#define MESSAGES "/tmp/lab_ndctl.err"

void lab_need_with_ndctl(void)
{
	if (access(PROGRAM, X_OK) == 0)
		return;
	printf("there is no " PROGRAM ": libmcsafe was built without libndctl, or not shared\n");
	exit(77);
}

void lab_with_ndctl(const char *format, ...)
{
	char command[256] = PROGRAM " ";
	size_t n = sizeof(PROGRAM);
	va_list arguments;
	struct stat messages;
	int status;

	va_start(arguments, format);
	n += (size_t)vsnprintf(command + n, sizeof(command) - n, format, arguments);
	va_end(arguments);
	lab_need(n < sizeof(command) && (size_t)snprintf(command + n, sizeof(command) - n,
							 " 2>" MESSAGES) < sizeof(command) - n,
		 "a long command");
	fflush(stdout);
	/* NOLINTNEXTLINE(cert-env33-c): the program is our own, and so is the guest. */
	status = system(command);
	lab_check(status == 0, "%s fails: status %#x", command, (unsigned)status);
	/* libndctl sometimes prints messages. */
	lab_check(stat(MESSAGES, &messages) == 0 && messages.st_size == 0,
		  "something was written to the standard error");
}

/* with-ndctl PROGRAM ARGUMENTS... */
int lab_program_with_ndctl(int argc, char **argv)
{
	(void)argc;
	lab_need_with_ndctl();
	fflush(stdout);
	execv(PROGRAM, argv);
	lab_need(false, "cannot run " PROGRAM);
	return EXIT_FAILURE;
}
