/* SPDX-License-Identifier: BSD-3-Clause */
/* lost.c - what was lost: ranges of files, who met them, and what stands in for them */
#include "run/lost.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/tool.h"

struct lost_file *lost_files;

static struct lost_file *find(const struct lost_file *file)
{
	struct lost_file **link = &lost_files, *added;

	for (; *link != NULL; link = &(*link)->next)
		if ((*link)->inode == file->inode && (*link)->device == file->device &&
		    (*link)->is_memory == file->is_memory && strcmp((*link)->path, file->path) == 0)
			return *link;
	added = tool_alloc(1, sizeof(*added));
	*added = *file;
	added->path = tool_copy_text(file->path);
	added->ranges = NULL;
	added->count = added->room = 0;
	*link = added;
	return added;
}

/* Make one of two ranges that touch. */
static bool join(struct lost_range *last, const struct lost_range *range)
{
	bool leads_up = range->start + range->length == last->start && lost_is_alike(last, range);

	if (leads_up)
		last->start = range->start;
	else if (!lost_continues(last, range))
		return false;
	last->length += range->length;
	return true;
}

void lost_add(const struct lost_file *file, const struct lost_range *range)
{
	struct lost_file *to = find(file);

	if (to->count > 0 && join(&to->ranges[to->count - 1], range))
		return;
	if (to->count == to->room) {
		size_t room = to->room != 0 ? to->room * 2 : 16;
		struct lost_range *more = tool_alloc(room, sizeof(*more));

		if (to->count > 0)
			memcpy(more, to->ranges, to->count * sizeof(*more));
		free(to->ranges);
		to->ranges = more;
		to->room = room;
	}
	to->ranges[to->count++] = *range;
}

static int by_start(const void *one, const void *other)
{
	const struct lost_range *a = one, *b = other;

	return (a->start > b->start) - (a->start < b->start);
}

uint64_t lost_bytes(const struct lost_file *file)
{
	struct lost_range *sorted = tool_alloc(file->count, sizeof(*sorted));
	uint64_t bytes = 0, done = 0;

	if (file->count > 0)
		memcpy(sorted, file->ranges, file->count * sizeof(*sorted));
	qsort(sorted, file->count, sizeof(*sorted), by_start);
	for (size_t i = 0; i < file->count; i++) {
		uint64_t start = sorted[i].start, end = start + sorted[i].length;

		if (start < done)
			start = done;
		if (end <= start)
			continue;
		bytes += end - start;
		done = end;
	}
	free(sorted);
	return bytes;
}

bool lost_was_stopped(void)
{
	for (const struct lost_file *file = lost_files; file != NULL; file = file->next)
		for (size_t i = 0; i < file->count; i++)
			if (file->ranges[i].fill == LOST_NOTHING)
				return true;
	return false;
}

static struct {
	const char **at;
	size_t count, room;
} notes;

void lost_note(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		tool_fail("no memory");
	va_end(args);
	tool_warn("%s", text);
	if (notes.count + 1 >= notes.room) {
		size_t room = notes.room != 0 ? notes.room * 2 : 16;
		const char **more = tool_alloc(room, sizeof(*more));

		if (notes.count > 0)
			memcpy((void *)more, (void *)notes.at, notes.count * sizeof(*more));
		free((void *)notes.at);
		notes.at = more;
		notes.room = room;
	}
	notes.at[notes.count++] = text;
}

const char *const *lost_notes(void)
{
	static const char *const none[] = {NULL};

	return notes.count > 0 ? notes.at : none;
}
