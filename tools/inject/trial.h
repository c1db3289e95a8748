/* SPDX-License-Identifier: BSD-3-Clause */
/* trial.h - one run of the program under test, with a limit of time */
#ifndef MCSAFE_TOOLS_TRIAL_H
#define MCSAFE_TOOLS_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "inject/trace.h"

struct trial_settings {
	char **argv;       /* the program and its arguments, with NULL at the end */
	char *library;     /* libmcsafe-inject.so: a path, or a name for the loader */
	const char *input; /* a file for standard input; NULL: there is none */
	double timeout;    /* seconds */
};

struct trial {
	bool hung;        /* it was killed because the time was over */
	bool interrupted; /* it was killed because this program was told to end */
	int signal;       /* that has killed it, or 0 */
	int status;       /* its exit status; -1 if there was none */
	double seconds;
	FILE *output, *errors; /* what it has written, in files without a name */
	struct trace trace;
};

/*
 * Block the signals that trial_run() waits for. From here on, SIGINT, SIGTERM and SIGHUP end
 * the trial that runs, or the next one.
 */
void trial_prepare(void);

/*
 * Run the program. `schedule` is as for mcsafe_inject_schedule(). Everything that is left of the
 * program's process group is killed. Ends this program with a message if the program cannot be
 * started.
 */
void trial_run(struct trial *trial, const struct trial_settings *settings, const char *schedule);
void trial_free(struct trial *trial);

/* Close the files of a trial. */
void trial_close(struct trial *trial);

/* Whether two trials have written the same to one of the streams. */
bool trial_same(FILE *one, FILE *other);

#endif /* MCSAFE_TOOLS_TRIAL_H */
