/* SPDX-License-Identifier: BSD-3-Clause */
/* ranges.c - lists of bad ranges in files, and ranges as people write them */
#include "common/ranges.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/files.h"
#include "common/json.h"
#include "common/size.h"
#include "common/tool.h"

struct mcsafe_badblocks *ranges_create(void)
{
	struct mcsafe_badblocks *bad;

	if (mcsafe_badblocks_create(&bad) != 0)
		tool_fail("no memory for a list of bad ranges");
	return bad;
}

void ranges_add(struct mcsafe_badblocks *bad, size_t start, size_t len)
{
	int error = mcsafe_badblocks_add(bad, start, len);

	if (error != 0)
		tool_fail("%zu bytes at %zu: %s", len, start, strerror(-error));
}

void ranges_load(struct mcsafe_badblocks *bad, const char *path)
{
	bool is_input = strcmp(path, "-") == 0;
	FILE *from = is_input ? stdin : fopen(path, "re");
	char *shown = text_visible(is_input ? "standard input" : path);
	size_t line = 0;
	int error;

	if (from == NULL)
		tool_fail("%s: %s", shown, strerror(errno));
	error = mcsafe_badblocks_load(bad, from, &line);
	if (error == -EINVAL)
		tool_fail("%s, line %zu: not a start and a length in bytes, with a newline at the "
			  "end",
			  shown, line);
	if (error != 0)
		tool_fail("%s: %s", shown, strerror(-error));
	if (!is_input)
		fclose(from);
	free(shown);
}

void ranges_save(const struct mcsafe_badblocks *bad, const char *path)
{
	struct new_file file;
	int error;

	if (strcmp(path, "-") == 0) {
		error = mcsafe_badblocks_save(bad, stdout);
		if (error != 0)
			tool_fail("standard output: %s", strerror(-error));
		return;
	}
	files_begin(&file, path);
	file.error = -mcsafe_badblocks_save(bad, file.to); /* it leaves errno alone */
	files_keep(&file);
}

size_t ranges_cut(struct mcsafe_badblocks *bad, size_t size)
{
	size_t before = mcsafe_badblocks_bytes(bad);

	if (size < SIZE_MAX && mcsafe_badblocks_clear(bad, size, SIZE_MAX - size) != 0)
		tool_fail("no memory for a list of bad ranges");
	return before - mcsafe_badblocks_bytes(bad);
}

bool range_read(const char *text, struct mcsafe_range *range)
{
	char *copy = tool_copy_text(text), *plus = strchr(copy, '+');
	uint64_t start = 0, len = 0;
	bool ok = false;

	if (plus != NULL) {
		*plus = '\0';
		/* Both are at most INT64_MAX, so their sum does not wrap. */
		ok = size_read(copy, &start) && size_read(plus + 1, &len) && len > 0;
	}
	free(copy);
	*range = (struct mcsafe_range){.start = start, .len = len};
	return ok;
}

const char *range_text(const struct mcsafe_range *range, char text[RANGE_TEXT])
{
	snprintf(text, RANGE_TEXT, "bytes %zu-%zu", range->start, range->start + range->len - 1);
	return text;
}
