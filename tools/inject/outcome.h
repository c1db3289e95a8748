/* SPDX-License-Identifier: BSD-3-Clause */
/* outcome.h - what a program did when one of its copies failed */
#ifndef MCSAFE_TOOLS_OUTCOME_H
#define MCSAFE_TOOLS_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>

#include "inject/trial.h"

enum outcome {
	OUTCOME_REPORTED,  /* exit status other than 0 */
	OUTCOME_TOLD,      /* exit status 0, and a message on standard error */
	OUTCOME_RECOVERED, /* exit status 0, the right output, and that is what was asked for */
	OUTCOME_IGNORED,   /* exit status 0, as if nothing had been */
	OUTCOME_WRONG,     /* exit status 0, no message, and another output */
	OUTCOME_CRASHED,
	OUTCOME_HUNG,
	OUTCOME_UNREACHED, /* no copy met the bad byte */
};

#define OUTCOMES (OUTCOME_UNREACHED + 1)

/* The run in which no copy fails. */
struct baseline {
	struct trial trial;
	bool errors_vary; /* standard error differs from run to run: it tells nothing */
	bool output_varies;
};

/* The run in which copy `order` failed. */
struct result {
	size_t order;
	enum outcome outcome;
	struct trial trial; /* without its files: there can be many results */
	char *said;         /* the end of standard error, visible */
};

struct results {
	char **argv;
	double timeout;
	struct baseline baseline;
	struct result *list;
	size_t n;
	bool complete; /* all copies that were asked for have failed in their turn */
	bool interrupted;
};

/* Judge a trial. `recovers`: exit status 0 with the output of the baseline is right. */
enum outcome outcome_of(const struct baseline *baseline, const struct trial *trial, bool recovers);

/* The name of an outcome: "crashed". */
const char *outcome_name(enum outcome outcome);

/* Whether it is the program's fault: a reason for exit status 74. */
bool outcome_is_bad(enum outcome outcome);

/* One line that says how the program ended: "killed by SIGSEGV". */
void outcome_text(const struct results *results, const struct result *result, char *text,
		  size_t room);

/* How many results have this outcome, and how many are bad. */
size_t outcome_count(const struct results *results, enum outcome outcome);
size_t outcome_count_bad(const struct results *results);

/* The signal by which a shell says that a program of it died (exit status 128 and more), or 0. */
int outcome_signal_of_shell(int status);

#endif /* MCSAFE_TOOLS_OUTCOME_H */
