/* SPDX-License-Identifier: BSD-3-Clause */
/* inject.c - mcsafe inject: let each copy of a program fail in its turn, and see what it does */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/json.h"
#include "common/size.h"
#include "common/tool.h"
#include "common/usage.h"
#include "inject/elf_file.h"
#include "inject/outcome.h"
#include "inject/report.h"
#include "inject/trial.h"

int mcsafe_inject_main(int argc, char **argv);

#define LIBRARY "libmcsafe-inject.so.0"
/* No program makes so many copies. */
#define NEVER   SIZE_MAX

struct numbers {
	size_t first, last;
};

struct options {
	struct trial_settings settings;
	struct numbers *chosen; /* NULL: all */
	size_t nchosen;
	bool all, onwards, recovers, json;
	bool has_offset;
	uint64_t offset;
	const char *junit, *library;
};

enum { KEY_OFFSET = 256, KEY_ONWARDS, KEY_RECOVERS, KEY_JSON, KEY_JUNIT, KEY_LIBRARY, KEY_INPUT };

static const struct argp_option options[] = {
	{"all", 'a', NULL, 0, "Let copy 1 fail, then copy 2 and so on: the default", 0},
	{"nth", 'n', "LIST", 0, "Let only these copies fail, for example 3 or 1-5,9", 0},
	{"onwards", KEY_ONWARDS, NULL, 0, "Let all later copies fail too", 0},
	{"offset", KEY_OFFSET, "BYTES", 0, "The first bad byte of the copy; default: half", 0},
	{"timeout", 't', "SECONDS", 0, "The longest time of a run; default: 60", 0},
	{"recovers", KEY_RECOVERS, NULL, 0,
	 "Exit status 0 is right if the output is that of a run without failures", 0},
	{"input", KEY_INPUT, "FILE", 0, "Standard input of each run; default: none", 0},
	{"json", KEY_JSON, NULL, 0, "Write the results as JSON", 0},
	{"junit", KEY_JUNIT, "FILE", 0, "Also write the results to a file as JUnit does", 0},
	{"library", KEY_LIBRARY, "FILE", 0, "Preload this file instead of " LIBRARY, 0},
	{0},
};

/* Read a number from 1 on, and go past it. */
static bool read_number(const char **text, size_t *number)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	errno = 0;
	*number = strtoul(*text, &end, 10);
	*text = end;
	return errno == 0 && *number != 0 && *number != NEVER;
}

/* Read a list of numbers and ranges. */
static bool read_numbers(struct options *o, const char *text)
{
	do {
		struct numbers one;

		if (!read_number(&text, &one.first))
			return false;
		one.last = one.first;
		if (*text == '-') {
			text++;
			if (!read_number(&text, &one.last))
				return false;
		}
		if (one.last < one.first || (*text != ',' && *text != '\0'))
			return false;
		o->chosen = reallocarray(o->chosen, o->nchosen + 1, sizeof(*o->chosen));
		if (o->chosen == NULL)
			tool_fail("no memory");
		o->chosen[o->nchosen++] = one;
	} while (*text++ == ',');
	return true;
}

static double read_seconds(const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end != '\0' || !(seconds > 0 && seconds <= 1e6))
		usage_error("--timeout: a number of seconds, more than 0 and at most 1000000");
	return seconds;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'a':
		o->all = true;
		break;
	case 'n':
		if (!read_numbers(o, arg))
			usage_error("--nth: a list of numbers from 1 on, for example 1-5,9");
		break;
	case 't':
		o->settings.timeout = read_seconds(arg);
		break;
	case KEY_ONWARDS:
		o->onwards = true;
		break;
	case KEY_OFFSET:
		if (!size_read(arg, &o->offset))
			usage_error("--offset: \"%s\" is no number of bytes", arg);
		o->has_offset = true;
		break;
	case KEY_RECOVERS:
		o->recovers = true;
		break;
	case KEY_JSON:
		o->json = true;
		break;
	case KEY_JUNIT:
		o->junit = arg;
		break;
	case KEY_LIBRARY:
		o->library = arg;
		break;
	case KEY_INPUT:
		o->settings.input = arg;
		break;
	case ARGP_KEY_ARG:
		/* All that follows is the program's. */
		o->settings.argv = &state->argv[state->next - 1];
		state->next = state->argc;
		break;
	case ARGP_KEY_END:
		if (o->settings.argv == NULL)
			usage_error("which program?");
		if (o->all && o->chosen != NULL)
			usage_error("--all and --nth exclude each other");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static bool is_file(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/*
 * Find the injector: in the places where an installation and a build directory have it, seen from
 * this program, or else where the loader looks.
 */
static char *find_library(void)
{
	static const char *const places[] = {("../" MCSAFE_LIBDIR), "../lib", "../src/inject"};
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash, *path, *real;

	self[len > 0 ? len : 0] = '\0';
	slash = strrchr(self, '/');
	for (size_t i = 0; slash != NULL && i < sizeof(places) / sizeof(places[0]); i++) {
		if (asprintf(&path, "%.*s/%s/" LIBRARY, (int)(slash - self), self, places[i]) < 0)
			tool_fail("no memory");
		real = is_file(path) ? realpath(path, NULL) : NULL;
		free(path);
		if (real != NULL)
			return real;
	}
	return tool_copy_text(LIBRARY);
}

static char *chosen_library(const char *path)
{
	char *real = realpath(path, NULL);

	if (real == NULL || !is_file(real))
		tool_fail("%s: %s", path, real == NULL ? strerror(errno) : "not a file");
	return real;
}

static char *find_program(const char *name)
{
	const char *from = getenv("PATH"), *end;
	char *path;

	if (strchr(name, '/') != NULL || from == NULL)
		return tool_copy_text(name);
	for (;; from = end + 1) {
		end = strchrnul(from, ':');
		if (asprintf(&path, "%.*s/%s", (int)(end - from), from, name) < 0)
			tool_fail("no memory");
		if (access(path, X_OK) == 0 || *end == '\0')
			return path;
		free(path);
	}
}

/* The injector was in no process. Say why, as far as the file tells. */
static _Noreturn void fail_without_injector(const char *name)
{
	char *path = find_program(name);
	struct elf_file file;
	struct stat status;
	bool is_privileged = stat(path, &status) == 0 &&
			     ((status.st_mode & S_ISUID) || (status.st_mode & S_ISGID));

	elf_open(&file, path);
	if (file.kind == ELF_STATIC)
		tool_fail("%s is linked statically, so nothing can be preloaded: link it with "
			  "mcsafe::inject_static, or link the program for the test dynamically",
			  name);
	if (file.kind == ELF_FOREIGN)
		tool_fail("%s is not a program for x86-64", name);
	if (is_privileged)
		tool_fail("%s is set-user-ID or set-group-ID, so the loader ignores LD_PRELOAD",
			  name);
	tool_fail("%s has started no program that takes " LIBRARY
		  " by LD_PRELOAD: the loader has not found it, or the programs are linked "
		  "statically",
		  name);
}

/* The injector was there, and no copy came by. */
static _Noreturn void fail_without_copies(const char *name)
{
	char *path = find_program(name);
	struct elf_file file;

	elf_open(&file, path);
	if (elf_has_section(&file, "mcsafe_extable"))
		tool_fail("libmcsafe is linked statically into %s, so its copies cannot be made to "
			  "fail from outside: link it with mcsafe::inject_static, or with the "
			  "shared libmcsafe",
			  name);
	tool_fail("%s makes no copies with libmcsafe", name);
}

static void schedule(const struct options *o, size_t order, char *text, size_t room)
{
	int len = snprintf(text, room, "copy:%zu%s", order, o->onwards ? "+" : "");

	if (o->has_offset)
		snprintf(text + len, room - (size_t)len, "@%zu", (size_t)o->offset);
}

/* Run the program without a failure, twice: what differs then is not compared later. */
static void run_baseline(const struct options *o, struct baseline *baseline)
{
	const char *name = o->settings.argv[0];
	struct trial *first = &baseline->trial, second;
	char text[80], *said;

	snprintf(text, sizeof(text), "copy:%zu", NEVER);
	trial_run(first, &o->settings, text);
	if (first->interrupted)
		tool_fail("interrupted before any copy was made to fail");
	if (first->trace.processes == 0 && !first->hung)
		fail_without_injector(name);
	if (first->hung)
		tool_fail("%s does not end in %g seconds, though no copy fails: see --timeout",
			  name, o->settings.timeout);
	said = walk_tail(first->errors);
	if (first->signal != 0)
		tool_warn("%s is killed by %s, though no copy fails", name,
			  tool_signal(first->signal));
	else if (first->status != 0)
		tool_warn("%s ends with exit status %d, though no copy fails", name, first->status);
	if (first->signal != 0 || first->status != 0) {
		fputs(said, stderr); /* lines of visible text */
		exit(STATUS_ERROR);
	}
	free(said);
	if (first->trace.copies == 0)
		fail_without_copies(name);
	trial_run(&second, &o->settings, text);
	if (second.interrupted)
		tool_fail("interrupted before any copy was made to fail");
	baseline->errors_vary = !trial_same(first->errors, second.errors);
	baseline->output_varies = !trial_same(first->output, second.output);
	trial_free(&second);
}

static void free_result(struct result *result)
{
	trial_free(&result->trial);
	free(result->said);
}

/* Let one copy fail. Returns false after the last one, or on a request to end. */
static bool run_one(const struct options *o, struct results *results, size_t order)
{
	struct result *result;
	char text[80];
	bool made;

	results->list = reallocarray(results->list, results->n + 1, sizeof(*results->list));
	if (results->list == NULL)
		tool_fail("no memory");
	result = &results->list[results->n];
	result->order = order;
	schedule(o, order, text, sizeof(text));
	trial_run(&result->trial, &o->settings, text);
	if (result->trial.interrupted) {
		results->interrupted = true;
		trial_free(&result->trial);
		return false;
	}
	if (result->trial.trace.processes == 0)
		tool_fail("%s was not loaded in the run of copy %zu, though it was before",
			  o->settings.library, order);
	result->outcome = outcome_of(&results->baseline, &result->trial, o->recovers);
	result->said = walk_tail(result->trial.errors);
	trial_close(&result->trial);
	made = result->trial.trace.nfailed > 0 || result->trial.trace.copies >= order;
	/* The walk through all copies ends here. */
	if (o->chosen == NULL && !made && result->outcome == OUTCOME_UNREACHED &&
	    result->trial.status == 0) {
		free_result(result);
		return false;
	}
	results->n++;
	if (!o->json)
		walk_result(results, result);
	return made;
}

static void run_all(const struct options *o, struct results *results)
{
	if (o->chosen == NULL) {
		for (size_t order = 1; run_one(o, results, order);)
			order++;
	} else {
		for (size_t i = 0; i < o->nchosen && !results->interrupted; i++)
			for (size_t order = o->chosen[i].first;
			     order <= o->chosen[i].last && run_one(o, results, order);)
				order++;
	}
	results->complete = !results->interrupted && outcome_count(results, OUTCOME_UNREACHED) == 0;
}

static void free_all(struct results *results)
{
	for (size_t i = 0; i < results->n; i++)
		free_result(&results->list[i]);
	free(results->list);
	trial_free(&results->baseline.trial);
}

int mcsafe_inject_main(int argc, char **argv)
{
	static const struct argp argp = {
		options,
		parse,
		"-- PROGRAM [ARGUMENT]...",
		"Let each copy of a program that uses libmcsafe fail in its turn, and tell which "
		"one made it crash, hang, or end as if nothing had been.",
		NULL,
		NULL,
		NULL,
	};
	struct options o = {.settings = {.timeout = 60}};
	struct results results = {0};
	enum status status;

	usage_parse(&argp, argc, argv, ARGP_IN_ORDER, &o);
	o.settings.library = o.library != NULL ? chosen_library(o.library) : find_library();
	results.argv = o.settings.argv;
	results.timeout = o.settings.timeout;
	trial_prepare();
	run_baseline(&o, &results.baseline);
	if (!o.json)
		walk_begin(&results);
	run_all(&o, &results);
	if (o.json)
		walk_json(&results);
	else
		walk_end(&results);
	if (o.junit != NULL)
		walk_junit(&results, o.junit);
	status = results.complete ? STATUS_FINE : STATUS_ERROR;
	if (outcome_count_bad(&results) > 0)
		status = STATUS_LOST;
	free_all(&results);
	free(o.chosen);
	free(o.settings.library);
	return tool_end(status);
}
