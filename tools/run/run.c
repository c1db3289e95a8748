/* SPDX-License-Identifier: BSD-3-Clause */
/* run.c - mcsafe run: run a program, and put pages in the place of those that it loses */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/files.h"
#include "common/tool.h"
#include "common/usage.h"
#include "run/lost.h"
#include "run/preload.h"
#include "run/report.h"
#include "run/signals.h"
#include "run/stand_in.h"
#include "run/start.h"
#include "run/tracer.h"

int mcsafe_run_main(int argc, char **argv);

enum run_option {
	OPTION_FILL_FROM = 256,
	OPTION_ON_LOSS,
	OPTION_REPORT,
	OPTION_MAP,
	OPTION_JSON,
	OPTION_ALWAYS,
	OPTION_RESPECT,
	OPTION_CALLS,
	OPTION_PRELOAD,
};

/* Help the program from inside, without ptrace(2). */
static bool preloads;

static const struct argp_option options[] = {
	{"fill-from", OPTION_FILL_FROM, "FILE", 0,
	 "fill the lost pages of the first file from FILE, a copy of it; default: zeros", 0},
	{"on-loss", OPTION_ON_LOSS, "ACTION", 0,
	 "continue: go on with stand-in pages (the default); stop: kill the program", 0},
	{"report", OPTION_REPORT, "FILE", 0, "write the report to FILE, not to standard error", 0},
	{"map", OPTION_MAP, "FILE", 0, "write a map file of ddrescue for each file", 0},
	{"json", OPTION_JSON, NULL, 0, "write the report as JSON", 0},
	{"always", OPTION_ALWAYS, NULL, 0, "help also processes that are known to help themselves",
	 0},
	{"respect-handlers", OPTION_RESPECT, NULL, 0,
	 "leave alone all processes that have a handler of SIGBUS", 0},
	{"system-calls", OPTION_CALLS, NULL, 0,
	 "repeat write(2) and send(2) where they fail because of a lost page; slow", 0},
	{"preload", OPTION_PRELOAD, NULL, 0,
	 "load a library into the program in place of tracing it: where ptrace(2) is forbidden", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static void open_mirror(const char *path)
{
	struct stat status;

	stand_in_options.mirror = path;
	/* O_NONBLOCK: the open of a pipe would wait for a writer. */
	stand_in_options.mirror_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (stand_in_options.mirror_fd < 0 || fstat(stand_in_options.mirror_fd, &status) != 0)
		tool_fail("%s: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
		tool_fail("%s is neither a file nor a block device", path);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct report_options *report = state->input;

	switch (key) {
	case OPTION_FILL_FROM:
		open_mirror(arg);
		return 0;
	case OPTION_ON_LOSS:
		if (strcmp(arg, "stop") != 0 && strcmp(arg, "continue") != 0)
			usage_error("--on-loss is \"continue\" or \"stop\", not \"%s\"", arg);
		stand_in_options.stops = strcmp(arg, "stop") == 0;
		return 0;
	case OPTION_REPORT:
		report->path = arg;
		return 0;
	case OPTION_MAP:
		report->map = arg;
		return 0;
	case OPTION_JSON:
		report->json = true;
		return 0;
	case OPTION_ALWAYS:
	case OPTION_RESPECT:
		if (stand_in_options.handlers != HANDLERS_KNOWN)
			usage_error("--always and --respect-handlers exclude each other");
		stand_in_options.handlers = key == OPTION_ALWAYS ? HANDLERS_NONE : HANDLERS_ALL;
		return 0;
	case OPTION_CALLS:
		tracer_sees_calls = true;
		return 0;
	case OPTION_PRELOAD:
		preloads = true;
		return 0;
	case ARGP_KEY_ARGS:
		report->program = state->argv + state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		usage_error("no program");
		return 0;
	case ARGP_KEY_END:
		if (preloads && tracer_sees_calls)
			argp_error(state, "--preload and --system-calls exclude each other");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "PROGRAM [ARGUMENT]...",
	.doc = "Run a program. Where it would die of SIGBUS because a mapped file was truncated, "
	       "cannot be read, or finds no space, a page of zeros takes the place of the lost "
	       "page, and the program goes on. At the end, tell what was lost.\v"
	       "Exit status: that of the program; 74 if something was lost; 1 wrong usage, or the "
	       "program cannot be helped; 126 it cannot be executed; 127 it was not found.",
};

static int end(const struct report_options *report, struct started *started, int status)
{
	int error = start_error(started);

	if (error != 0) {
		tool_warn("%s: %s", report->program[0], strerror(error));
		return error == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
	}
	if (preloads)
		preload_collect(report->program[0]);
	report_write(report, started->pid, status);
	/* The SIGKILL of --on-loss stop was not the program's. */
	if (WIFSIGNALED(status) && !lost_was_stopped())
		signals_die(WTERMSIG(status));
	if (lost_files != NULL)
		return STATUS_LOST;
	return WEXITSTATUS(status);
}

int mcsafe_run_main(int argc, char **argv)
{
	struct report_options report = {0};
	struct started started;
	int status;

	usage_parse(&argp, argc, argv, ARGP_IN_ORDER, &report);
	files_keep_apart("--report", report.path, "the file of --fill-from",
			 stand_in_options.mirror);
	files_keep_apart("--map", report.map, "the file of --fill-from", stand_in_options.mirror);
	files_keep_apart("--map", report.map, "the file of --report", report.path);
	report_begin(&report);
	if (preloads) {
		preload_begin(report.program[0]);
		start_process(&started, report.program);
	} else {
		start_traced(&started, report.program);
	}
	signals_begin(started.pid);
	start_go(&started);
	status = preloads ? preload_run(started.pid) : tracer_run(started.pid);
	signals_end();
	return end(&report, &started, status);
}
