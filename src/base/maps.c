/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * maps.c - find an address in /proc/self/maps
 *
 * Of libc it calls open, fcntl, read, pread, close, memcpy and memset.
 */
#include "maps.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "reader.h"

/* A place for a path. */
struct path {
	char *at;
	size_t room;
	bool is_cut;
};

/* Read a number in hexadecimal, and return the character that follows. */
static int hex(struct mcsafe__reader *r, unsigned long *value)
{
	int c;

	*value = 0;
	for (c = mcsafe__reader_next(r); (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
	     c = mcsafe__reader_next(r))
		*value = *value * 16 + (unsigned long)(c <= '9' ? c - '0' : c - 'a' + 10);
	return c;
}

/* Read a number in decimal, and return the character that follows. */
static int decimal(struct mcsafe__reader *r, unsigned long *value)
{
	int c;

	*value = 0;
	for (c = mcsafe__reader_next(r); c >= '0' && c <= '9'; c = mcsafe__reader_next(r))
		*value = *value * 10 + (unsigned long)(c - '0');
	return c;
}

/* Read the path: the rest of the line, after blanks. The end of a long path is kept. */
static void read_path(struct mcsafe__reader *r, struct path *path)
{
	size_t n = 0, room = path->room - 1;
	int c;

	do
		c = mcsafe__reader_next(r);
	while (c == ' ');
	for (; c != '\n' && c != -1; c = mcsafe__reader_next(r)) {
		if (n == room) {
			memmove(path->at, path->at + room / 2, n - room / 2);
			n -= room / 2;
			path->is_cut = true;
		}
		path->at[n++] = (char)c;
	}
	path->at[n] = '\0';
}

/* Read major:minor of a device, and return the character that follows. */
static int device(struct mcsafe__reader *r, struct mcsafe__mapping *mapping)
{
	unsigned long major, minor;
	int c = hex(r, &major);

	if (c != ':')
		return c;
	c = hex(r, &minor);
	mapping->device = makedev((unsigned)major, (unsigned)minor);
	return c;
}

/* Read a line: start-end perms offset device inode path. False at the end of the file, or if a line
 * is not like that. */
static bool line(struct mcsafe__reader *r, struct mcsafe__mapping *mapping, struct path *path)
{
	path->is_cut = false;
	path->at[0] = '\0';
	if (hex(r, &mapping->start) != '-' || hex(r, &mapping->end) != ' ')
		return false;
	for (size_t i = 0; i < sizeof(mapping->perms) - 1; i++)
		mapping->perms[i] = (char)mcsafe__reader_next(r);
	mapping->perms[sizeof(mapping->perms) - 1] = '\0';
	if (mcsafe__reader_next(r) != ' ' || hex(r, &mapping->offset) != ' ' ||
	    device(r, mapping) != ' ')
		return false;
	if (decimal(r, &mapping->inode) == ' ')
		read_path(r, path);
	return true;
}

/* The first mapping that ends after addr. */
static enum mcsafe__mapped find_next(struct mcsafe__reader *r, unsigned long addr,
				     struct mcsafe__mapping *mapping, struct path *path)
{
	while (line(r, mapping, path))
		if (addr < mapping->end)
			return MCSAFE__MAPPED;
	/* Another error, or a line that is not understood: an address may be in what follows. */
	return r->at_end ? MCSAFE__NOT_MAPPED : MCSAFE__MAPPED_UNKNOWN;
}

/* The kernel lists the mappings in ascending order. */
static enum mcsafe__mapped find(unsigned long addr, struct mcsafe__mapping *mapping,
				struct path *path)
{
	struct mcsafe__reader r;
	enum mcsafe__mapped found;

	if (!mcsafe__reader_open(&r, "/proc/self/maps"))
		return MCSAFE__MAPPED_UNKNOWN;
	found = find_next(&r, addr, mapping, path);
	mcsafe__reader_close(&r);
	return found == MCSAFE__MAPPED && addr < mapping->start ? MCSAFE__NOT_MAPPED : found;
}

enum mcsafe__mapped mcsafe__mapping_next_in(int maps, unsigned long addr,
					    struct mcsafe__mapping *mapping)
{
	struct path path = {.at = mapping->path, .room = sizeof(mapping->path)};
	struct mcsafe__reader r;

	mcsafe__reader_begin(&r, maps);
	return find_next(&r, addr, mapping, &path);
}

enum mcsafe__mapped mcsafe__mapping_find(unsigned long addr, struct mcsafe__mapping *mapping)
{
	struct path path = {.at = mapping->path, .room = sizeof(mapping->path)};

	return find(addr, mapping, &path);
}

enum mcsafe__mapped mcsafe__mapping_find_path(unsigned long addr, struct mcsafe__mapping *mapping,
					      char *path, size_t room)
{
	struct path place = {.room = room};
	enum mcsafe__mapped result;

	place.at = path;
	result = find(addr, mapping, &place);
	mapping->path[0] = '\0';
	mapping->is_cut = place.is_cut;
	return result;
}
