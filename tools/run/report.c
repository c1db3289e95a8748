/* SPDX-License-Identifier: BSD-3-Clause */
/* report.c - tell what was lost, and how the program ended */
#include "run/report.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/files.h"
#include "common/json.h"
#include "common/mapfile.h"
#include "common/tool.h"
#include "run/lost.h"

/* So many ranges of a file are shown on standard error. A file has all. */
#define SHOWN 20

static struct new_file file;

static void remove_temporary(void)
{
	if (file.to != NULL && file.temporary != NULL)
		unlink(file.temporary);
}

void report_begin(const struct report_options *options)
{
	files_check(options->map);
	if (options->path == NULL)
		return;
	files_begin(&file, options->path);
	/* The program may not be run at all: then mcsafe ends, and there is no report. */
	if (atexit(remove_temporary) != 0)
		tool_fail("no memory");
}

/* ---- words ----------------------------------------------------------------------------------- */

static const char *reason_text(enum mcsafe_reason reason)
{
	switch (reason) {
	case MCSAFE_REASON_PAST_END:
		return "past the end of the file";
	case MCSAFE_REASON_NO_SPACE:
		return "no space left in the file system";
	case MCSAFE_REASON_NO_HUGE_PAGE:
		return "no huge page is free";
	case MCSAFE_REASON_POISON:
		return "poisoned memory";
	default:
		return "input/output error";
	}
}

static const char *access_text(enum lost_access access)
{
	switch (access) {
	case LOST_READ:
		return "read";
	case LOST_WRITTEN:
		return "written";
	case LOST_READ_AT_LEAST:
		return "read, and perhaps written,";
	default:
		return "read or written";
	}
}

static const char *access_name(enum lost_access access)
{
	static const char *const names[] = {
		[LOST_READ] = "read",
		[LOST_WRITTEN] = "written",
		[LOST_READ_AT_LEAST] = "read-at-least",
		[LOST_UNKNOWN] = "unknown",
	};

	return names[access];
}

static const char *fill_name(enum lost_fill fill)
{
	static const char *const names[] = {
		[LOST_ZEROS] = "zeros",
		[LOST_MIRROR] = "mirror",
		[LOST_CONTENT] = "content",
		[LOST_NOTHING] = "nothing",
	};

	return names[fill];
}

static const char *fill_text(enum lost_fill fill)
{
	static const char *const texts[] = {
		[LOST_ZEROS] = "zeros stood in",
		[LOST_MIRROR] = "bytes of the mirror stood in",
		[LOST_CONTENT] = "what was written is lost",
		[LOST_NOTHING] = "the program was stopped",
	};

	return texts[fill];
}

/* ---- text ------------------------------------------------------------------------------------ */

struct text {
	FILE *to;
	const char *prefix; /* "mcsafe run: ", or nothing */
	size_t shown;
};

static char *path_text(const struct lost_file *lost)
{
	char *visible = text_visible(lost->path), *text;

	if (asprintf(&text, "%s%s%s", visible[0] != '\0' ? visible : "memory without a name",
		     lost->is_deleted ? " (deleted)" : "",
		     lost->is_memory && visible[0] != '\0' ? " (memory)" : "") < 0)
		tool_fail("no memory");
	free(visible);
	return text;
}

static void write_range(FILE *to, const struct lost_file *lost, const struct lost_range *range)
{
	char *process = text_visible(range->process);

	fprintf(to,
		lost->is_memory ? "  %" PRIu64 " bytes at address 0x%" PRIx64
				: "  %" PRIu64 " bytes at offset %" PRIu64,
		range->length, range->start);
	fprintf(to, ", %s by %s (%d): %s; %s\n", access_text(range->access), process, range->pid,
		reason_text(range->reason), fill_text(range->fill));
	free(process);
}

static void write_file(const struct text *text, const struct lost_file *lost)
{
	char *path = path_text(lost);

	fprintf(text->to, "%s%s: %" PRIu64 " bytes are lost:\n", text->prefix, path,
		lost_bytes(lost));
	for (size_t i = 0; i < lost->count && i < text->shown; i++)
		write_range(text->to, lost, &lost->ranges[i]);
	if (lost->count > text->shown)
		fprintf(text->to, "  and %zu more ranges: --report has all of them\n",
			lost->count - text->shown);
	free(path);
}

static void write_end(const struct text *text, const struct report_options *options, int status)
{
	char *program = text_visible(options->program[0]);

	if (lost_was_stopped())
		fprintf(text->to, "%s%s was stopped: --on-loss stop\n", text->prefix, program);
	else if (WIFSIGNALED(status))
		fprintf(text->to, "%s%s was killed by %s%s\n", text->prefix, program,
			tool_signal(WTERMSIG(status)),
			WCOREDUMP(status) ? ", and dumped core" : "");
	else
		fprintf(text->to, "%s%s ended with status %d\n", text->prefix, program,
			WEXITSTATUS(status));
	free(program);
}

static void write_text(const struct text *text, const struct report_options *options, int status)
{
	if (lost_files == NULL)
		fprintf(text->to, "%snothing was lost\n", text->prefix);
	for (const struct lost_file *lost = lost_files; lost != NULL; lost = lost->next)
		write_file(text, lost);
	write_end(text, options, status);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static struct json_object *json_range(const struct lost_range *range)
{
	struct json_object *object = json_object_new_object();

	json_add_size(object, "start", range->start);
	json_add_size(object, "length", range->length);
	json_add_text(object, "access", access_name(range->access));
	json_add_text(object, "reason", mcsafe_reason_name(range->reason));
	json_add_text(object, "filled", fill_name(range->fill));
	json_add_size(object, "pid", (uint64_t)range->pid);
	json_add_text(object, "process", range->process);
	return object;
}

static struct json_object *json_file(const struct lost_file *lost)
{
	struct json_object *object = json_object_new_object(), *ranges = json_object_new_array();

	json_add_text(object, "path", lost->path);
	json_add_bool(object, "deleted", lost->is_deleted);
	json_add_bool(object, "memory", lost->is_memory);
	json_add_size(object, "lost", lost_bytes(lost));
	for (size_t i = 0; i < lost->count; i++)
		json_object_array_add(ranges, json_range(&lost->ranges[i]));
	json_add(object, "ranges", ranges);
	return object;
}

static struct json_object *json_texts(const char *const *texts)
{
	struct json_object *array = json_object_new_array();

	for (; *texts != NULL; texts++) {
		char *visible = text_visible(*texts);

		json_object_array_add(array, json_object_new_string(visible));
		free(visible);
	}
	return array;
}

static void write_json(FILE *to, const struct report_options *options, pid_t pid, int status)
{
	struct json_object *object = json_object_new_object(), *files = json_object_new_array();
	uint64_t bytes = 0;

	for (const struct lost_file *lost = lost_files; lost != NULL; lost = lost->next) {
		json_object_array_add(files, json_file(lost));
		bytes += lost_bytes(lost);
	}
	json_add(object, "program", json_texts((const char *const *)options->program));
	json_add_size(object, "pid", (uint64_t)pid);
	json_add(object, "status",
		 WIFEXITED(status) ? json_object_new_int(WEXITSTATUS(status)) : NULL);
	json_add(object, "signal",
		 WIFSIGNALED(status) ? json_object_new_int(WTERMSIG(status)) : NULL);
	json_add_size(object, "lost", bytes);
	json_add(object, "files", files);
	json_add(object, "notes", json_texts(lost_notes()));
	fprintf(to, "%s\n",
		json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

/* ---- maps ------------------------------------------------------------------------------------ */

/* One map for each file: the first has the path that was asked for, the next ones path.2 and so
 * on. What was not lost is "not tried": the program may not have read it. */
static void write_maps(const struct report_options *options)
{
	char *path, *command, *visible;
	size_t number = 0;

	for (const struct lost_file *lost = lost_files; lost != NULL; lost = lost->next) {
		struct map map = {.stage = MAP_DONE, .pass = 1};

		if (lost->is_memory)
			continue;
		/* A map begins with the file. */
		map_set(&map, 0, 1, MAP_NOT_TRIED);
		for (size_t i = 0; i < lost->count; i++)
			map_set(&map, lost->ranges[i].start, lost->ranges[i].length, MAP_BAD);
		number++;
		visible = text_visible(lost->path);
		if ((number == 1 ? asprintf(&path, "%s", options->map)
				 : asprintf(&path, "%s.%zu", options->map, number)) < 0 ||
		    asprintf(&command, "mcsafe run --map: %s", visible) < 0)
			tool_fail("no memory");
		map_save(&map, path, command);
		map_free(&map);
		free(visible);
		free(command);
		free(path);
	}
}

/* ---- all ------------------------------------------------------------------------------------- */

static void write_to(FILE *to, const struct report_options *options, pid_t pid, int status)
{
	struct text text = {.to = to, .prefix = "mcsafe run: ", .shown = SHOWN};

	if (to != stderr) {
		text.prefix = "";
		text.shown = SIZE_MAX;
	}
	if (options->json)
		write_json(to, options, pid, status);
	else
		write_text(&text, options, status);
}

void report_write(const struct report_options *options, pid_t pid, int status)
{
	if (options->path != NULL) {
		write_to(file.to, options, pid, status);
		/* A full disk must not hide what was lost. */
		if (fflush(file.to) != 0 && lost_files != NULL)
			write_to(stderr, options, pid, status);
		files_keep(&file);
		file.to = NULL;
	} else if (lost_files != NULL || options->json) {
		write_to(stderr, options, pid, status);
	}
	if (options->map != NULL)
		write_maps(options);
}
