/* SPDX-License-Identifier: BSD-3-Clause */
/* text.c - save a registry as text, and load it */
#include <mcsafe/badblocks.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/errno_kept.h"
#include "base/no_cancel.h"
#include "lines.h"
#include "registry.h"

#define HEADING "# bad ranges: start and length in bytes\n"

/* fprintf(3) would take 8 KiB of stack for a stream without a buffer. */
static bool write_line(const struct mcsafe_range *bad, FILE *to)
{
	char line[64]; /* two numbers of at most 20 digits */

	snprintf(line, sizeof(line), "%zu %zu\n", bad->start, bad->len);
	return fputs(line, to) != EOF;
}

static bool write_all(const struct mcsafe_badblocks *badblocks, FILE *to)
{
	struct mcsafe_range bad;

	if (fputs(HEADING, to) == EOF)
		return false;
	for (size_t at = 0; mcsafe_badblocks_next(badblocks, at, SIZE_MAX, &bad);
	     at = bad.start + bad.len)
		if (!write_line(&bad, to))
			return false;
	return fflush(to) == 0;
}

int mcsafe_badblocks_save(const struct mcsafe_badblocks *badblocks, FILE *to)
{
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();
	int err = 0;

	errno = 0;
	if (!write_all(badblocks, to))
		err = errno != 0 ? -errno : -EIO;
	return err;
}

int mcsafe_badblocks_load(struct mcsafe_badblocks *badblocks, FILE *from, size_t *line)
{
	struct mcsafe__ranges ranges = {0};
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();
	int err;
	size_t at;

	flockfile(from);
	err = mcsafe__ranges_read(&ranges, from, 1, &at);
	funlockfile(from);
	if (err == 0)
		err = mcsafe__badblocks_add_all(badblocks, ranges.list, &ranges.n);
	else if (err == -EINVAL && line != NULL)
		*line = at;
	free(ranges.list);
	return err;
}
