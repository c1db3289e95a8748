/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c - mcsafe: find the command, and run it */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mcsafe/version.h>

#include "common/tool.h"

#define COMMAND(name, summary) int mcsafe_##name##_main(int argc, char **argv);
#include "commands.def"
#undef COMMAND

static const struct command {
	const char *name, *full_name, *summary;
	int (*main)(int argc, char **argv);
} commands[] = {
#define COMMAND(name, summary) {#name, "mcsafe " #name, summary, mcsafe_##name##_main},
#include "commands.def"
#undef COMMAND
	{NULL, NULL, NULL, NULL},
};

static void usage(FILE *to)
{
	fputs("Usage: mcsafe COMMAND [OPTION]... [ARGUMENT]...\n"
	      "Work with files and memory that can fail.\n\n",
	      to);
	for (const struct command *c = commands; c->name != NULL; c++)
		fprintf(to, "  %-10s %s\n", c->name, c->summary);
	fputs("\n  mcsafe COMMAND --help   the options of a command; man mcsafe-COMMAND has more\n"
	      "  mcsafe --version        the version\n\n"
	      "Exit status: 0 fine, 1 usage or error, 74 data were lost.\n",
	      to);
}

/*
 * A file that is opened gets the lowest free number. If a standard stream is closed, that file
 * would get its number, and messages would be written to it. What stands in for the stream fails
 * with EBADF, as a closed stream does. A program that is started finds the stream closed.
 */
static void keep_standard_streams(void)
{
	int fd;

	do
		fd = open("/", O_PATH | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		_exit(STATUS_ERROR); /* perhaps there is nobody to tell */
	close(fd);
}

int main(int argc, char **argv)
{
	keep_standard_streams();
	if (argc < 2) {
		usage(stderr);
		return STATUS_ERROR;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(stdout);
		return tool_end(STATUS_FINE);
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("mcsafe %s\n", mcsafe_version());
		return tool_end(STATUS_FINE);
	}
	for (const struct command *c = commands; c->name != NULL; c++) {
		if (strcmp(argv[1], c->name) != 0)
			continue;
		tool_name = c->full_name;
		return c->main(argc - 1, argv + 1);
	}
	tool_fail("there is no command \"%s\"; mcsafe --help lists the commands", argv[1]);
}
