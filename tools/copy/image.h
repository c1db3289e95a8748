/* SPDX-License-Identifier: BSD-3-Clause */
/* image.h - the file or block device that a copy is written to */
#ifndef MCSAFE_TOOLS_IMAGE_H
#define MCSAFE_TOOLS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "common/source.h"

struct image {
	const char *path;
	int fd;
	bool is_device;
	uint64_t size; /* of a file: what lies past it takes no space */
};

/*
 * Open it, or make it. Ends the program with a message if that cannot be done, if it is the source,
 * or if it exists and may not be overwritten. `resume`: it is continued, and nothing of it is
 * removed. `force`: it is emptied if it exists. `finished`: the map file says that all bytes before
 * this offset may be finished, so the image must have them.
 */
void image_open(struct image *image, const char *path, const struct source *source, bool resume,
		bool force, uint64_t finished);

/*
 * These return 0, or an errno value; then *at, the offset, has become that of the first byte that
 * could not be written.
 */
int image_write(struct image *image, const void *bytes, size_t n, uint64_t *at);
int image_fill(struct image *image, unsigned char byte, uint64_t n, uint64_t *at);
/* Zeros that take no space, where the file system can do that. */
int image_make_hole(struct image *image, uint64_t n, uint64_t *at);

/* Make the file as long as that, if it is shorter. Returns 0 or an errno value. */
int image_extend(struct image *image, uint64_t size);

/* Wait until the medium has all that was written. Returns 0 or an errno value. */
int image_sync(struct image *image);

#endif /* MCSAFE_TOOLS_IMAGE_H */
