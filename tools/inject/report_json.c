/* SPDX-License-Identifier: BSD-3-Clause */
/* report_json.c - tell programs what a program did with its failing copies */
#include <stdlib.h>

#include "common/json.h"
#include "common/tool.h"
#include "inject/report.h"

static struct json_object *frames_of(const struct trace_copy *copy)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < copy->nframes; i++) {
		const struct trace_frame *frame = &copy->frames[i];
		struct json_object *one = json_object_new_object();

		json_add_text(one, "function", frame->function);
		json_add_text(one, "module", frame->module);
		json_add_size(one, "offset", frame->offset);
		json_object_array_add(list, one);
	}
	return list;
}

static struct json_object *copies_of(const struct trace *trace)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < trace->nfailed; i++) {
		const struct trace_copy *copy = &trace->failed[i];
		struct json_object *one = json_object_new_object();

		json_add_size(one, "process", (uint64_t)copy->process);
		json_add_size(one, "copy", copy->order);
		json_add_text(one, "function", copy->function);
		json_add_size(one, "length", copy->len);
		json_add_size(one, "offset", copy->offset);
		json_add(one, "callers", frames_of(copy));
		json_object_array_add(list, one);
	}
	return list;
}

static struct json_object *result_of(const struct results *results, const struct result *result)
{
	struct json_object *one = json_object_new_object();
	char text[200];

	outcome_text(results, result, text, sizeof(text));
	json_add_size(one, "copy", result->order);
	json_add_text(one, "outcome", outcome_name(result->outcome));
	json_add_bool(one, "handled", !outcome_is_bad(result->outcome));
	json_add_text(one, "text", text);
	json_add(one, "status",
		 result->trial.status >= 0 ? json_object_new_int(result->trial.status) : NULL);
	json_add_text(one, "signal",
		      result->trial.signal != 0 ? tool_signal(result->trial.signal) : NULL);
	json_add(one, "seconds", json_object_new_double(result->trial.seconds));
	json_add(one, "failed", copies_of(&result->trial.trace));
	/* It has newlines, and is visible already. */
	json_add(one, "stderr", json_object_new_string(result->said));
	return one;
}

void walk_json(const struct results *results)
{
	const struct trace *trace = &results->baseline.trial.trace;
	struct json_object *all = json_object_new_object(), *list = json_object_new_array(),
			   *argv = json_object_new_array();

	for (char **word = results->argv; *word != NULL; word++) {
		char *visible = text_visible(*word);

		json_object_array_add(argv, json_object_new_string(visible));
		free(visible);
	}
	for (size_t i = 0; i < results->n; i++)
		json_object_array_add(list, result_of(results, &results->list[i]));
	json_add(all, "program", argv);
	json_add_text(all, "kind", trace->kind);
	json_add_size(all, "processes", trace->processes);
	json_add(all, "copies", trace->copies > 0 ? json_object_new_uint64(trace->copies) : NULL);
	json_add_bool(all, "stderr_compared", !results->baseline.errors_vary);
	json_add_bool(all, "stdout_compared", !results->baseline.output_varies);
	json_add(all, "runs", list);
	json_add_size(all, "not_handled", outcome_count_bad(results));
	json_add_bool(all, "complete", results->complete);
	json_write(all);
}
