/* SPDX-License-Identifier: BSD-3-Clause */
/* files.c - files that a command writes whole or not at all */
#include "common/files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/tool.h"

static bool is_in_same_directory(const char *one, const char *other)
{
	char *copy = tool_copy_text(one), *other_copy = tool_copy_text(other);
	struct stat directory, other_directory;
	bool same = stat(dirname(copy), &directory) == 0 &&
		    stat(dirname(other_copy), &other_directory) == 0 &&
		    overlap_of(&directory, &other_directory) == OVERLAP_SAME;

	free(copy);
	free(other_copy);
	return same;
}

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

enum overlap files_overlap(const char *one, const char *other)
{
	struct stat status, other_status;

	if (stat(one, &status) == 0 && stat(other, &other_status) == 0)
		return overlap_of(&status, &other_status);
	return strcmp(last_name(one), last_name(other)) == 0 && is_in_same_directory(one, other)
		       ? OVERLAP_SAME
		       : OVERLAP_NONE;
}

void files_keep_apart(const char *option, const char *path, const char *what, const char *other)
{
	struct stat status;

	enum overlap overlap =
		path != NULL && other != NULL ? files_overlap(path, other) : OVERLAP_NONE;

	if (overlap == OVERLAP_NONE)
		return;
	/* A pipe or /dev/null loses nothing. */
	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
		return;
	if (overlap == OVERLAP_SAME)
		tool_fail("%s: %s is %s, and would be overwritten", option, path, what);
	tool_fail("%s: %s has bytes in common with %s, and would be overwritten", option, path,
		  other);
}

static _Noreturn void fail(const struct new_file *file)
{
	int error = file->error != 0 ? file->error : errno;

	if (file->temporary != NULL)
		unlink(file->temporary);
	tool_fail("%s: %s", file->path, strerror(error));
}

/* Make a file of another name beside the one that it will replace. */
static int make(struct new_file *file, const char *path)
{
	if (asprintf(&file->temporary, "%s.XXXXXX", path) < 0)
		tool_fail("%s: no memory", path);
	return mkostemp(file->temporary, O_CLOEXEC);
}

void files_begin(struct new_file *file, const char *path)
{
	mode_t mask = umask(0);
	struct stat status;
	char real[PATH_MAX];
	int fd;

	umask(mask);
	*file = (struct new_file){.path = tool_copy_text(path)};
	if (stat(path, &status) != 0)
		fd = make(file, path);
	else if (S_ISBLK(status.st_mode))
		tool_fail("%s: a block device is not overwritten", path);
	else if (!S_ISREG(status.st_mode))
		fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	else
		fd = realpath(path, real) != NULL ? make(file, real) : -1;
	if (fd < 0)
		tool_fail("%s: %s", path, strerror(errno));
	file->to = fdopen(fd, "w");
	if (file->to == NULL || (file->temporary != NULL && fchmod(fd, 0666 & ~mask) != 0))
		fail(file);
}

void files_check(const char *path)
{
	struct new_file file;
	struct stat status;

	if (path == NULL || (stat(path, &status) == 0 && !S_ISREG(status.st_mode) &&
			     !S_ISBLK(status.st_mode) && !S_ISDIR(status.st_mode)))
		return;
	files_begin(&file, path);
	fclose(file.to);
	if (file.temporary != NULL)
		unlink(file.temporary);
	free(file.temporary);
	free(file.path);
}

/* Give the file its name. */
static bool replace(const struct new_file *file)
{
	char real[PATH_MAX];

	/* ENOENT: a new file, or a link that leads nowhere. */
	return rename(file->temporary, realpath(file->path, real) != NULL ? real : file->path) == 0;
}

void files_keep(struct new_file *file)
{
	if (fflush(file->to) != 0 || ferror(file->to) ||
	    (file->temporary != NULL && fsync(fileno(file->to)) != 0) || fclose(file->to) != 0 ||
	    (file->temporary != NULL && !replace(file)))
		fail(file);
	free(file->temporary);
	free(file->path);
}
