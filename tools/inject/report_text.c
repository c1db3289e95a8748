/* SPDX-License-Identifier: BSD-3-Clause */
/* report_text.c - tell people what a program did with its failing copies */
#include "inject/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/tool.h"

#define TAIL 4096

void walk_copy_text(const struct trace_copy *copy, char *text, size_t room)
{
	snprintf(text, room, "%s of %zu byte%s failed at byte %zu", copy->function, copy->len,
		 copy->len == 1 ? "" : "s", copy->offset);
}

void walk_frame_text(const struct trace_frame *frame, char *text, size_t room)
{
	char *module = text_visible(frame->module);
	const char *slash = strrchr(module, '/'), *name = slash != NULL ? slash + 1 : module;

	if (frame->function != NULL)
		snprintf(text, room, "%s+%#" PRIx64 " (%s)", frame->function, frame->distance,
			 name);
	else
		snprintf(text, room, "%#" PRIx64 " (%s)", frame->offset,
			 *name != '\0' ? name : "no file");
	free(module);
}

char *walk_tail(FILE *stream)
{
	char *bytes = tool_alloc(TAIL + 1, 1), *text = tool_copy_text(""), *rest = bytes, *line;
	size_t got;
	long size;

	fseek(stream, 0, SEEK_END);
	size = ftell(stream);
	fseek(stream, size > TAIL ? size - TAIL : 0, SEEK_SET);
	got = fread(bytes, 1, TAIL, stream);
	/* A text ends at its first 0. */
	for (size_t i = 0; i < got; i++)
		if (bytes[i] == '\0')
			bytes[i] = '\1';
	while ((line = strsep(&rest, "\n")) != NULL && (rest != NULL || *line != '\0')) {
		char *visible = text_visible(line), *longer;

		if (asprintf(&longer, "%s%s\n", text, visible) < 0)
			tool_fail("no memory");
		free(visible);
		free(text);
		text = longer;
	}
	free(bytes);
	return text;
}

static void indent(const char *text)
{
	const char *end;

	for (; (end = strchr(text, '\n')) != NULL; text = end + 1)
		printf("    | %.*s\n", (int)(end - text), text);
}

void walk_begin(const struct results *results)
{
	const struct trace *trace = &results->baseline.trial.trace;
	char *program = text_visible(results->argv[0]);

	if (trace->copies > 0)
		printf("%s makes %zu cop%s; a failing copy meets bad memory of the kind %s\n",
		       program, trace->copies, trace->copies == 1 ? "y" : "ies", trace->kind);
	else
		printf("%s: a failing copy meets bad memory of the kind %s\n", program,
		       trace->kind);
	if (results->baseline.errors_vary)
		puts("standard error differs from run to run: messages are not recognised");
	if (results->baseline.output_varies)
		puts("standard output differs from run to run: it is not compared");
	fflush(stdout);
	free(program);
}

void walk_result(const struct results *results, const struct result *result)
{
	char text[200];
	const struct trace *trace = &result->trial.trace;

	outcome_text(results, result, text, sizeof(text));
	printf("copy %zu: %s: %s\n", result->order, outcome_name(result->outcome), text);
	if (outcome_is_bad(result->outcome)) {
		if (trace->nfailed > 0) {
			const struct trace_copy *copy = &trace->failed[0];

			walk_copy_text(copy, text, sizeof(text));
			printf("    %s\n", text);
			for (size_t i = 0; i < copy->nframes; i++) {
				walk_frame_text(&copy->frames[i], text, sizeof(text));
				printf("    called by %s\n", text);
			}
		} else {
			puts("    before any copy failed");
		}
		indent(result->said);
	}
	fflush(stdout);
}

void walk_end(const struct results *results)
{
	size_t failed = results->n - outcome_count(results, OUTCOME_UNREACHED),
	       bad = outcome_count_bad(results);
	const char *separator = ": ";

	if (results->interrupted)
		puts("interrupted: later copies were not tried");
	printf("%zu failing cop%s, %zu not handled", failed, failed == 1 ? "y" : "ies", bad);
	for (enum outcome outcome = 0; outcome < OUTCOMES; outcome++) {
		size_t n = outcome_count(results, outcome);

		if (n == 0 || !outcome_is_bad(outcome))
			continue;
		printf("%s%zu %s", separator, n, outcome_name(outcome));
		separator = ", ";
	}
	putchar('\n');
}
