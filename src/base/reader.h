/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reader.h - read a text file of the kernel character by character, without allocation
 *
 * Of libc it calls open, fcntl, read, pread and close. AS-Safe.
 */
#ifndef MCSAFE_SRC_BASE_READER_H
#define MCSAFE_SRC_BASE_READER_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

#include "descriptor.h"

struct mcsafe__reader {
	int fd;
	size_t at, n;
	off_t offset; /* where pread(2) goes on; -1: read(2) does */
	bool at_end;  /* the end was read */
	char buffer[4096];
};

static inline bool mcsafe__reader_open(struct mcsafe__reader *r, const char *path)
{
	r->at = r->n = 0;
	r->at_end = false;
	r->offset = -1;
	r->fd = mcsafe__above_standard(open(path, O_RDONLY | O_CLOEXEC));
	return r->fd >= 0;
}

/* Read a descriptor of the caller from its start on. Its offset stays. It is not closed here. */
static inline void mcsafe__reader_begin(struct mcsafe__reader *r, int fd)
{
	r->at = r->n = 0;
	r->at_end = false;
	r->offset = 0;
	r->fd = fd;
}

static inline void mcsafe__reader_close(const struct mcsafe__reader *r)
{
	close(r->fd);
}

/* The next character, or -1 at the end. */
static inline int mcsafe__reader_next(struct mcsafe__reader *r)
{
	if (r->at == r->n) {
		ssize_t n;

		do
			n = r->offset < 0 ? read(r->fd, r->buffer, sizeof(r->buffer))
					  : pread(r->fd, r->buffer, sizeof(r->buffer), r->offset);
		while (n < 0 && errno == EINTR);
		if (n > 0 && r->offset >= 0)
			r->offset += n;
		r->at_end = n == 0;
		if (n <= 0)
			return -1;
		r->n = (size_t)n;
		r->at = 0;
	}
	return (unsigned char)r->buffer[r->at++];
}

#endif /* MCSAFE_SRC_BASE_READER_H */
