/* SPDX-License-Identifier: BSD-3-Clause */
/* state.c - how far a scrub has come, in a file */
#include "scrub/state.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/files.h"
#include "common/json.h"
#include "common/ranges.h"
#include "common/tool.h"

#define HEADING "# mcsafe scrub: %zu of %zu bytes checked\n"
#define UNREAD  "# unread %zu %zu\n"

/* NOLINTBEGIN(cert-err34-c): what was read is written again and compared. */
static bool is_heading(const char *line, size_t *offset, size_t *size)
{
	char expected[128];

	if (sscanf(line, HEADING, offset, size) != 2)
		return false;
	snprintf(expected, sizeof(expected), HEADING, *offset, *size);
	return strcmp(line, expected) == 0;
}

static bool is_unread(const char *line, size_t *start, size_t *len)
{
	char expected[128];

	if (sscanf(line, UNREAD, start, len) != 2)
		return false;
	snprintf(expected, sizeof(expected), UNREAD, *start, *len);
	return strcmp(line, expected) == 0;
}
/* NOLINTEND(cert-err34-c) */

static void read_all(struct scrub_state *state, FILE *from, const char *shown)
{
	char line[128];
	size_t size, start, len;

	if (fgets(line, sizeof(line), from) == NULL || !is_heading(line, &state->offset, &size) ||
	    state->offset > size)
		tool_fail("%s: not the state of a scrub", shown);
	if (size != state->size)
		tool_fail("%s: the state is of a file with %zu bytes, but it has %zu now: remove "
			  "the state to begin again",
			  shown, size, state->size);
	while (fgets(line, sizeof(line), from) != NULL)
		if (is_unread(line, &start, &len))
			ranges_add(state->unread, start, len);
}

void scrub_state_read(struct scrub_state *state, const char *path)
{
	struct stat status;
	FILE *from;
	char *shown = text_visible(path);

	/* The open of a pipe would wait, and the state is removed at the end. */
	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
		tool_fail("%s: not the state of a scrub: it is no file", shown);
	from = fopen(path, "re");
	state->offset = 0;
	if (from == NULL && errno != ENOENT)
		tool_fail("%s: %s", shown, strerror(errno));
	if (from != NULL) {
		read_all(state, from, shown);
		fclose(from);
		ranges_load(state->bad, path);
	}
	free(shown);
}

void scrub_state_write(const struct scrub_state *state, const char *path)
{
	struct new_file file;
	struct mcsafe_range range;

	files_begin(&file, path);
	fprintf(file.to, HEADING, state->offset, state->size);
	for (size_t at = 0; mcsafe_badblocks_next(state->unread, at, SIZE_MAX, &range);
	     at = range.start + range.len)
		fprintf(file.to, UNREAD, range.start, range.len);
	file.error = -mcsafe_badblocks_save(state->bad, file.to); /* it leaves errno alone */
	files_keep(&file);
}

void scrub_state_remove(const char *path)
{
	if (unlink(path) != 0 && errno != ENOENT)
		tool_fail("%s: %s", path, strerror(errno));
}
