/* SPDX-License-Identifier: BSD-3-Clause */
/* files.c - files that a command writes whole or not at all */
#include "common/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/tool.h"

static _Noreturn void fail(struct new_file *file)
{
	int error = errno;

	unlink(file->temporary);
	tool_fail("%s: %s", file->path, strerror(error));
}

void files_begin(struct new_file *file, const char *path)
{
	mode_t mask = umask(0);
	int fd;

	umask(mask);
	file->path = tool_copy_text(path);
	if (asprintf(&file->temporary, "%s.XXXXXX", path) < 0)
		tool_fail("%s: no memory", path);
	fd = mkostemp(file->temporary, O_CLOEXEC);
	if (fd < 0)
		tool_fail("%s: %s", path, strerror(errno));
	file->to = fdopen(fd, "w");
	if (file->to == NULL || fchmod(fd, 0666 & ~mask) != 0)
		fail(file);
}

void files_keep(struct new_file *file)
{
	if (fflush(file->to) != 0 || ferror(file->to) || fsync(fileno(file->to)) != 0 ||
	    fclose(file->to) != 0 || rename(file->temporary, file->path) != 0)
		fail(file);
	free(file->temporary);
	free(file->path);
}
