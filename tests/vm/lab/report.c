/* SPDX-License-Identifier: BSD-3-Clause */
/* report.c - lines for the host: failures, measurements, the kernel's messages */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned failures;

__attribute__((format(printf, 2, 0))) static void say(const char *tag, const char *format,
						      va_list arguments)
{
	printf("@%s ", tag);
	vprintf(format, arguments);
	printf("\n");
	fflush(stdout);
}

void lab_check(bool ok, const char *format, ...)
{
	va_list arguments;

	if (ok)
		return;
	failures++;
	va_start(arguments, format);
	say("fail", format, arguments);
	va_end(arguments);
}

void lab_need(bool ok, const char *format, ...)
{
	int error = errno;
	va_list arguments;

	if (ok)
		return;
	va_start(arguments, format);
	say("fail", format, arguments);
	va_end(arguments);
	printf("errno is %d, %s\n", error, strerror(error));
	exit(EXIT_FAILURE);
}

void lab_fact(const char *key, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	printf("@fact %s=", key);
	vprintf(format, arguments);
	printf("\n");
	va_end(arguments);
	fflush(stdout);
}

/*
 * Each read gives one record: "priority,number,time,flags;text\n"
 * (Documentation/ABI/testing/dev-kmsg). The first call starts with the messages that are written
 * after it.
 */
unsigned lab_kernel_log(const char *text)
{
	static int fd = -1;
	char record[1024];
	unsigned found = 0;
	ssize_t size;

	if (fd == -1) {
		fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		lab_need(fd != -1, "no /dev/kmsg");
		lab_need(lseek(fd, 0, SEEK_END) == 0, "cannot find the end of /dev/kmsg");
		return 0;
	}
	while ((size = read(fd, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		char *message;

		if (size < 0)
			continue; /* some records were overwritten before they were read */
		record[size] = '\0';
		message = strchr(record, ';');
		lab_need(message != NULL, "a record of /dev/kmsg without a text");
		printf("@log %.*s\n", (int)strcspn(message + 1, "\n"), message + 1);
		found += strstr(message + 1, text) != NULL;
	}
	fflush(stdout);
	return found;
}

const char *lab_count(ssize_t got)
{
	static char text[32];

	if (got < 0)
		return strerrorname_np((int)-got);
	snprintf(text, sizeof(text), "%zd", got);
	return text;
}

int lab_status(void)
{
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
