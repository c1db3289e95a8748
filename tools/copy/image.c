/* SPDX-License-Identifier: BSD-3-Clause */
/* image.c - the file or block device that a copy is written to */
#include "copy/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/overlap.h"
#include "common/tool.h"

#define ROOM ((size_t)64 << 10)

/* Make a new file. What only some may read in the source, only these may read in the copy. */
static int make(const char *path, const struct source *source)
{
	mode_t mode = 0600;

	if (S_ISREG(source->stat.st_mode))
		mode |= source->stat.st_mode & 0666;
	return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
}

static void check_existing(const struct stat *status, const char *path, const struct source *source,
			   bool resume, bool force)
{
	enum overlap overlap;

	if (S_ISDIR(status->st_mode))
		tool_fail("%s: %s", path, strerror(EISDIR));
	if (!S_ISREG(status->st_mode) && !S_ISBLK(status->st_mode))
		tool_fail("%s is neither a file nor a block device", path);
	overlap = overlap_of(&source->stat, status);
	if (overlap == OVERLAP_SAME)
		tool_fail("%s and %s are the same file", source->path, path);
	if (overlap == OVERLAP_PART)
		tool_fail("%s and %s have bytes in common: the copy would overwrite its source",
			  source->path, path);
	if (!resume && !force)
		tool_fail("%s exists; --force overwrites it, and an existing map file continues it",
			  path);
	if (!force && (S_ISBLK(status->st_mode) || status->st_size > 0))
		tool_fail("%s exists, and the map file has no finished part of it; --force "
			  "overwrites it",
			  path);
}

void image_open(struct image *image, const char *path, const struct source *source, bool resume,
		bool force, uint64_t finished)
{
	struct stat status;
	off_t end;

	*image = (struct image){.path = path};
	if (stat(path, &status) == 0) {
		check_existing(&status, path, source, resume, force);
		image->is_device = S_ISBLK(status.st_mode);
		/* O_EXCL: a block device that is mounted or otherwise in use is refused. */
		image->fd = open(path, O_RDWR | O_CLOEXEC | (image->is_device ? O_EXCL : 0));
		if (image->fd < 0)
			tool_fail("%s: %s", path, strerror(errno));
		if (!resume && !image->is_device && ftruncate(image->fd, 0) != 0)
			tool_fail("%s: %s", path, strerror(errno));
	} else {
		if (finished > 0)
			tool_fail("%s does not exist, but the map file has finished parts of it",
				  path);
		image->fd = make(path, source);
		if (image->fd < 0)
			tool_fail("%s: %s", path, strerror(errno));
	}
	end = lseek(image->fd, 0, SEEK_END);
	if (end < 0)
		tool_fail("%s: %s", path, strerror(errno));
	image->size = (uint64_t)end;
	if (image->size < finished)
		tool_fail("%s has %" PRIu64 " bytes, but the map file has finished parts up to "
			  "%" PRIu64,
			  path, image->size, finished);
}

int image_write(struct image *image, const void *bytes, size_t n, uint64_t *at)
{
	const char *from = bytes;

	while (n > 0) {
		ssize_t put = pwrite(image->fd, from, n, (off_t)*at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? errno : ENOSPC;
		from += put;
		n -= (size_t)put;
		*at += (uint64_t)put;
		if (*at > image->size && !image->is_device)
			image->size = *at;
	}
	return 0;
}

int image_fill(struct image *image, unsigned char byte, uint64_t n, uint64_t *at)
{
	static unsigned char buffer[ROOM];
	int err = 0;

	memset(buffer, byte, n < ROOM ? (size_t)n : ROOM);
	while (n > 0 && err == 0) {
		size_t part = n < ROOM ? (size_t)n : ROOM;

		err = image_write(image, buffer, part, at);
		n -= part;
	}
	return err;
}

int image_make_hole(struct image *image, uint64_t n, uint64_t *at)
{
	uint64_t old = 0; /* bytes of the file that may hold something else */

	if (image->is_device)
		return image_fill(image, 0, n, at);
	if (*at < image->size)
		old = n < image->size - *at ? n : image->size - *at;
	if (old > 0 && fallocate(image->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)*at,
				 (off_t)old) != 0) {
		int err = image_fill(image, 0, old, at);

		if (err != 0)
			return err;
		n -= old;
	}
	/* What lies past the end becomes a hole when the file is extended. */
	*at += n;
	return 0;
}

int image_extend(struct image *image, uint64_t size)
{
	if (image->is_device || image->size >= size)
		return 0;
	if (ftruncate(image->fd, (off_t)size) != 0)
		return errno;
	image->size = size;
	return 0;
}

int image_sync(struct image *image)
{
	return fdatasync(image->fd) == 0 ? 0 : errno;
}
