/* SPDX-License-Identifier: BSD-3-Clause */
/* trace.c - what libmcsafe-inject has written about the copies of one run (src/inject/log.c) */
#include "inject/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/tool.h"
#include "inject/elf_file.h"

static void *grow(void *list, size_t n, size_t each)
{
	void *larger = reallocarray(list, n, each);

	if (larger == NULL)
		tool_fail("no memory for %zu times %zu bytes", n, each);
	return larger;
}

static void find_function(struct trace_frame *frame)
{
	struct elf_file file;
	const char *name;

	elf_open(&file, frame->module);
	/* A return address is that of the instruction after the call, which may be in the next
	 * function if the call never returns. */
	name = elf_function_at(&file, frame->offset - 1, &frame->distance);
	if (name != NULL) {
		frame->function = tool_copy_text(name);
		frame->distance++;
	}
	elf_close(&file);
}

static void add_frame(struct trace *trace, long process, size_t order, uint64_t offset,
		      const char *module)
{
	struct trace_copy *copy = trace->failed;
	struct trace_frame *frame;
	size_t i = trace->nfailed;

	while (i > 0 && (copy[i - 1].process != process || copy[i - 1].order != order))
		i--;
	if (i == 0)
		return;
	copy += i - 1;
	/* What called main() is of no interest. */
	if (copy->nframes > 0 && copy->frames[copy->nframes - 1].function != NULL &&
	    strcmp(copy->frames[copy->nframes - 1].function, "main") == 0)
		return;
	copy->frames = grow(copy->frames, copy->nframes + 1, sizeof(*copy->frames));
	frame = &copy->frames[copy->nframes++];
	*frame = (struct trace_frame){.offset = offset, .module = tool_copy_text(module)};
	find_function(frame);
}

static void read_line(struct trace *trace, const char *line)
{
	struct trace_copy copy = {0};
	char word[64];
	size_t order, copies;
	uint64_t offset;
	int end = 0;

	/* NOLINTBEGIN(cert-err34-c): the injector has written these numbers. */
	if (sscanf(line, "%ld begin %63s", &copy.process, word) == 2) {
		trace->processes++;
		free(trace->kind);
		trace->kind = tool_copy_text(word);
	} else if (sscanf(line, "%ld copy %zu %63s n=%zu failed at %zu", &copy.process, &copy.order,
			  word, &copy.len, &copy.offset) == 5) {
		trace->failed = grow(trace->failed, trace->nfailed + 1, sizeof(*trace->failed));
		copy.function = tool_copy_text(word);
		trace->failed[trace->nfailed++] = copy;
	} else if (sscanf(line, "%ld frame %zu %lx %n", &copy.process, &order, &offset, &end) ==
			   3 &&
		   end > 0) {
		add_frame(trace, copy.process, order, offset, line + end);
	} else if (sscanf(line, "%ld end copies=%zu", &copy.process, &copies) == 2) {
		if (copies > trace->copies)
			trace->copies = copies;
	}
	/* NOLINTEND(cert-err34-c) */
}

void trace_read(struct trace *trace, const char *path)
{
	FILE *from = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	*trace = (struct trace){0};
	if (from == NULL && errno == ENOENT)
		return;
	if (from == NULL)
		tool_fail("%s: %s", path, strerror(errno));
	while ((len = getline(&line, &room, from)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		read_line(trace, line);
	}
	free(line);
	fclose(from);
}

void trace_free(struct trace *trace)
{
	for (size_t i = 0; i < trace->nfailed; i++) {
		struct trace_copy *copy = &trace->failed[i];

		for (size_t f = 0; f < copy->nframes; f++) {
			free(copy->frames[f].module);
			free(copy->frames[f].function);
		}
		free(copy->frames);
		free(copy->function);
	}
	free(trace->failed);
	free(trace->kind);
	*trace = (struct trace){0};
}
