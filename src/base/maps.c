/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * maps.c - find an address in /proc/self/maps
 *
 * Of libc it calls open, fcntl, read, close, memcpy and memset.
 */
#include "maps.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "descriptor.h"

struct reader {
	int fd;
	size_t at, n;
	bool at_end;       /* read(2) has returned 0 */
	char buffer[1024]; /* on the stack of a signal handler */
};

/* The next character, or -1 at the end. */
static int next(struct reader *r)
{
	if (r->at == r->n) {
		ssize_t n;

		do
			n = read(r->fd, r->buffer, sizeof(r->buffer));
		while (n < 0 && errno == EINTR);
		r->at_end = n == 0;
		if (n <= 0)
			return -1;
		r->n = (size_t)n;
		r->at = 0;
	}
	return (unsigned char)r->buffer[r->at++];
}

/* Read a number in hexadecimal, and return the character that follows. */
static int hex(struct reader *r, unsigned long *value)
{
	int c;

	*value = 0;
	for (c = next(r); (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); c = next(r))
		*value = *value * 16 + (unsigned long)(c <= '9' ? c - '0' : c - 'a' + 10);
	return c;
}

/* Read a decimal number, and return the character that follows. */
static int decimal(struct reader *r, unsigned long *value)
{
	int c;

	*value = 0;
	for (c = next(r); c >= '0' && c <= '9'; c = next(r))
		*value = *value * 10 + (unsigned long)(c - '0');
	return c;
}

/* Read the path: the rest of the line, after blanks. The end of a long path is kept. */
static void path(struct reader *r, struct mcsafe__mapping *mapping)
{
	size_t n = 0, room = sizeof(mapping->path) - 1;
	int c;

	do
		c = next(r);
	while (c == ' ');
	for (; c != '\n' && c != -1; c = next(r)) {
		if (n == room) {
			memmove(mapping->path, mapping->path + room / 2, n - room / 2);
			n -= room / 2;
		}
		mapping->path[n++] = (char)c;
	}
	mapping->path[n] = '\0';
}

/* Read a line: start-end perms offset device inode path. False at the end of the file, or if a line
 * is not like that. */
static bool line(struct reader *r, struct mcsafe__mapping *mapping)
{
	if (hex(r, &mapping->start) != '-' || hex(r, &mapping->end) != ' ')
		return false;
	for (size_t i = 0; i < sizeof(mapping->perms) - 1; i++)
		mapping->perms[i] = (char)next(r);
	mapping->perms[sizeof(mapping->perms) - 1] = '\0';
	if (next(r) != ' ' || hex(r, &mapping->offset) != ' ' ||
	    hex(r, &mapping->dev_major) != ':' || hex(r, &mapping->dev_minor) != ' ')
		return false;
	mapping->path[0] = '\0';
	if (decimal(r, &mapping->inode) == ' ')
		path(r, mapping);
	return true;
}

enum mcsafe__mapped mcsafe__mapping_find(unsigned long addr, struct mcsafe__mapping *mapping)
{
	struct reader r = {.at = 0, .n = 0};
	bool found = false;

	r.fd = mcsafe__above_standard(open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
	if (r.fd < 0)
		return MCSAFE__MAPPED_UNKNOWN;
	while (!found && line(&r, mapping))
		found = addr >= mapping->start && addr < mapping->end;
	close(r.fd);
	if (found)
		return MCSAFE__MAPPED;
	/* Another error, or a line that is not understood: an address may be in what follows. */
	return r.at_end ? MCSAFE__NOT_MAPPED : MCSAFE__MAPPED_UNKNOWN;
}
