/* SPDX-License-Identifier: BSD-3-Clause */
/* report_junit.c - the results as tests in the form of JUnit */
#include <stdlib.h>
#include <string.h>

#include "common/files.h"
#include "common/json.h"
#include "inject/report.h"

/* Write visible text. XML 1.0 allows all of it, and the newline. */
static void write_text(FILE *to, const char *text)
{
	static const char special[] = "&<>\"'";
	static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};

	for (; *text != '\0'; text++) {
		const char *found = strchr(special, *text);

		if (found != NULL)
			fputs(names[found - special], to);
		else
			putc(*text, to);
	}
}

static void write_failure(FILE *to, const struct results *results, const struct result *result)
{
	const struct trace *trace = &result->trial.trace;
	char text[200];

	outcome_text(results, result, text, sizeof(text));
	fprintf(to, "      <failure type=\"%s\" message=\"", outcome_name(result->outcome));
	write_text(to, text);
	fputs("\">", to);
	for (size_t c = 0; c < trace->nfailed; c++) {
		const struct trace_copy *copy = &trace->failed[c];

		walk_copy_text(copy, text, sizeof(text));
		write_text(to, text);
		putc('\n', to);
		for (size_t i = 0; i < copy->nframes; i++) {
			walk_frame_text(&copy->frames[i], text, sizeof(text));
			fputs("  called by ", to);
			write_text(to, text);
			putc('\n', to);
		}
	}
	fputs("</failure>\n", to);
}

static void write_result(FILE *to, const struct results *results, const struct result *result,
			 const char *program)
{
	char text[200];

	fprintf(to, "    <testcase name=\"copy %zu\" classname=\"", result->order);
	write_text(to, program);
	fprintf(to, "\" time=\"%.3f\">\n", result->trial.seconds);
	if (outcome_is_bad(result->outcome))
		write_failure(to, results, result);
	else if (result->outcome == OUTCOME_UNREACHED) {
		outcome_text(results, result, text, sizeof(text));
		fprintf(to, "      <skipped message=\"%s\"/>\n", text);
	}
	fputs("      <system-err>", to);
	write_text(to, result->said);
	fputs("</system-err>\n    </testcase>\n", to);
}

void walk_junit(const struct results *results, const char *path)
{
	struct new_file file;
	char *program = text_visible(results->argv[0]);
	double seconds = 0;

	for (size_t i = 0; i < results->n; i++)
		seconds += results->list[i].trial.seconds;
	files_begin(&file, path);
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", file.to);
	fputs("  <testsuite name=\"mcsafe inject ", file.to);
	write_text(file.to, program);
	fprintf(file.to,
		"\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\" time=\"%.3f\">\n",
		results->n, outcome_count_bad(results), outcome_count(results, OUTCOME_UNREACHED),
		seconds);
	for (size_t i = 0; i < results->n; i++)
		write_result(file.to, results, &results->list[i], program);
	fputs("  </testsuite>\n</testsuites>\n", file.to);
	files_keep(&file);
	free(program);
}
