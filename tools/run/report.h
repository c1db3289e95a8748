/* SPDX-License-Identifier: BSD-3-Clause */
/* report.h - tell what was lost, and how the program ended */
#ifndef MCSAFE_TOOLS_RUN_REPORT_H
#define MCSAFE_TOOLS_RUN_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct report_options {
	const char *path; /* NULL: standard error */
	const char *map;  /* NULL: no map */
	bool json;
	char **program;
};

/* Begin: the file of the report must be possible to make. If no report is written before exit(3),
 * nothing is left of it. */
void report_begin(const struct report_options *options);

/*
 * Write the report. `status` is that of wait(2) of the program; pid is its id. Without a path, and
 * if nothing was lost, no text is written.
 */
void report_write(const struct report_options *options, pid_t pid, int status);

#endif /* MCSAFE_TOOLS_RUN_REPORT_H */
