/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * place.c - the mapping that an address is in
 *
 * Since Linux 6.11, ioctl(2) of /proc/self/maps answers for one address. Before, the text of all
 * mappings must be read.
 */
#include "place.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/vma.h"
#include "numbers.h"

/* ---- the mapping ----------------------------------------------------------------------------- */

/* 0, or an errno value, as of mcsafe__vma_ask(). */
static int query(int maps, uintptr_t addr, struct mcsafe__place *place, char *path, size_t room)
{
	struct mcsafe__vma vma;
	int err = mcsafe__vma_ask(maps, addr, &vma, path, room);

	if (err == 0)
		*place = (struct mcsafe__place){
			.start = vma.start,
			.end = vma.end,
			.offset = vma.offset,
			.device = vma.device,
			.inode = vma.inode,
			.page_size = vma.page,
			.is_shared = vma.is_shared,
		};
	return err;
}

void mcsafe__place_link(const struct mcsafe__place *place, char name[MCSAFE__PLACE_LINK])
{
	char *end = mcsafe__append(name, "/proc/self/map_files/");

	end = mcsafe__append_number(end, place->start, 16);
	end = mcsafe__append(end, "-");
	(void)mcsafe__append_number(end, place->end, 16);
}

/* In the text, newlines are \012, but backslashes are as they are. The link has the very path. To
 * read it needs no privilege. It fails if there is no file, or if the path is too long. */
static void read_link(struct mcsafe__place *place, char *to, size_t room)
{
	char link[MCSAFE__PLACE_LINK];
	ssize_t n;

	mcsafe__place_link(place, link);
	n = readlink(link, to, room - 1);
	if (n > 0) {
		to[n] = '\0';
		place->is_cut = false;
	}
}

static enum mcsafe__mapped read_text(uintptr_t addr, struct mcsafe__place *place, char *path,
				     size_t room)
{
	struct mcsafe__mapping mapping;
	enum mcsafe__mapped result = mcsafe__mapping_find_path(addr, &mapping, path, room);

	if (result != MCSAFE__MAPPED)
		return result;
	*place = (struct mcsafe__place){
		.start = mapping.start,
		.end = mapping.end,
		.offset = mapping.offset,
		.device = mapping.device,
		.inode = mapping.inode,
		.is_shared = mapping.perms[3] == 's',
		.is_cut = mapping.is_cut,
	};
	read_link(place, path, room);
	return result;
}

enum mcsafe__mapped mcsafe__place_find(uintptr_t addr, struct mcsafe__place *place, char *path,
				       size_t room)
{
	int maps = mcsafe__maps_open(), err;

	if (maps < 0)
		return MCSAFE__MAPPED_UNKNOWN;
	err = query(maps, addr, place, path, room);
	close(maps);
	if (err == 0)
		return MCSAFE__MAPPED;
	/* Also ENAMETOOLONG: the text has a path of any length. */
	return err == ENOENT ? MCSAFE__NOT_MAPPED : read_text(addr, place, path, room);
}
