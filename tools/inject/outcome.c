/* SPDX-License-Identifier: BSD-3-Clause */
/* outcome.c - what a program did when one of its copies failed */
#include "inject/outcome.h"

#include <signal.h>
#include <string.h>

#include "common/tool.h"

static const struct {
	const char *name;
	bool bad;
} outcomes[OUTCOMES] = {
	[OUTCOME_REPORTED] = {"reported", false},
	[OUTCOME_TOLD] = {"told", false},
	[OUTCOME_RECOVERED] = {"recovered", false},
	[OUTCOME_IGNORED] = {"ignored", true},
	[OUTCOME_WRONG] = {"wrong", true},
	[OUTCOME_CRASHED] = {"crashed", true},
	[OUTCOME_HUNG] = {"hung", true},
	[OUTCOME_UNREACHED] = {"unreached", false},
};

int outcome_signal_of_shell(int status)
{
	static const int signals[] = {SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (status == 128 + signals[i])
			return signals[i];
	return 0;
}

enum outcome outcome_of(const struct baseline *baseline, const struct trial *trial, bool recovers)
{
	if (trial->hung)
		return OUTCOME_HUNG;
	if (trial->signal != 0 || outcome_signal_of_shell(trial->status) != 0)
		return OUTCOME_CRASHED;
	if (trial->trace.nfailed == 0)
		return OUTCOME_UNREACHED;
	if (trial->status != 0)
		return OUTCOME_REPORTED;
	if (!baseline->errors_vary && !trial_same(baseline->trial.errors, trial->errors))
		return OUTCOME_TOLD;
	if (!baseline->output_varies && !trial_same(baseline->trial.output, trial->output))
		return OUTCOME_WRONG;
	return recovers && !baseline->output_varies ? OUTCOME_RECOVERED : OUTCOME_IGNORED;
}

const char *outcome_name(enum outcome outcome)
{
	return outcomes[outcome].name;
}

bool outcome_is_bad(enum outcome outcome)
{
	return outcomes[outcome].bad;
}

void outcome_text(const struct results *results, const struct result *result, char *text,
		  size_t room)
{
	const struct trial *trial = &result->trial;
	int of_shell = outcome_signal_of_shell(trial->status);

	if (trial->hung)
		snprintf(text, room, "no end after %g seconds", results->timeout);
	else if (trial->signal != 0)
		snprintf(text, room, "killed by %s", tool_signal(trial->signal));
	else if (of_shell != 0)
		snprintf(text, room, "exit status %d: a shell says %s", trial->status,
			 tool_signal(of_shell));
	else if (result->outcome == OUTCOME_TOLD)
		snprintf(text, room, "exit status 0, with a message");
	else if (result->outcome == OUTCOME_RECOVERED)
		snprintf(text, room, "exit status 0, with the right output");
	else if (result->outcome == OUTCOME_IGNORED)
		snprintf(text, room, "exit status 0, as if nothing had been");
	else if (result->outcome == OUTCOME_WRONG)
		snprintf(text, room, "exit status 0, another output, and no message");
	else if (result->outcome == OUTCOME_UNREACHED && trial->trace.copies >= result->order)
		snprintf(text, room,
			 "the copy stops before it, and the program ends with status %d",
			 trial->status);
	else if (result->outcome == OUTCOME_UNREACHED)
		snprintf(text, room, "the program makes fewer copies, and ends with status %d",
			 trial->status);
	else
		snprintf(text, room, "exit status %d", trial->status);
}

size_t outcome_count(const struct results *results, enum outcome outcome)
{
	size_t n = 0;

	for (size_t i = 0; i < results->n; i++)
		n += results->list[i].outcome == outcome;
	return n;
}

size_t outcome_count_bad(const struct results *results)
{
	size_t n = 0;

	for (size_t i = 0; i < results->n; i++)
		n += outcome_is_bad(results->list[i].outcome);
	return n;
}
