/* SPDX-License-Identifier: BSD-3-Clause */
/* extents.c - where a file is on its disk: FIEMAP */
#include "ask.h"

#include <errno.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/page.h"

#define AT_ONCE 128

/* Flags of extents that are not on the medium: not written yet, or read as zeros without access to
 * the medium. */
#define NOT_THERE (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_UNWRITTEN)

/* Add the bad parts of one extent. */
static int add_extent(const struct fiemap_extent *extent, uint64_t file_size,
		      const struct mcsafe_badblocks *disk, struct mcsafe__ranges *bad)
{
	uint64_t physical = extent->fe_physical, len = extent->fe_length, end;
	struct mcsafe_range found;
	int err = 0;

	if ((extent->fe_flags & NOT_THERE) != 0 || extent->fe_logical >= file_size)
		return 0;
	if (len > file_size - extent->fe_logical)
		len = file_size - extent->fe_logical;
	if (__builtin_add_overflow(physical, len, &end))
		return -EBADMSG;
	/* Encoded, for example compressed: each byte of the file comes from many on the disk. */
	if ((extent->fe_flags & FIEMAP_EXTENT_ENCODED) != 0) {
		if (!mcsafe_badblocks_next(disk, physical, end, NULL))
			return 0;
		return mcsafe__ranges_append(bad, (struct mcsafe_range){extent->fe_logical, len});
	}
	for (size_t at = physical; err == 0 && mcsafe_badblocks_next(disk, at, end, &found);
	     at = found.start + found.len) {
		found.start -= physical;
		err = mcsafe__ranges_append(
			bad, (struct mcsafe_range){extent->fe_logical + found.start, found.len});
		found.start += physical;
	}
	return err;
}

/* On XFS a file may be on a second disk, and FIEMAP does not say so. Other file systems do not know
 * this ioctl(2). */
static bool is_on_another_disk(int fd)
{
	struct fsxattr attributes = {0};

	return ioctl(fd, FS_IOC_FSGETXATTR, &attributes) == 0 &&
	       (attributes.fsx_xflags & FS_XFLAG_REALTIME) != 0;
}

static int add_extents(int fd, uint64_t file_size, const struct mcsafe_badblocks *disk,
		       struct mcsafe__ranges *bad, struct fiemap *map)
{
	int err = 0;
	bool is_last = false;
	uint64_t from = 0;

	while (err == 0 && !is_last && from < file_size) {
		memset(map, 0, sizeof(*map));
		map->fm_start = from;
		map->fm_length = FIEMAP_MAX_OFFSET - from;
		map->fm_flags = FIEMAP_FLAG_SYNC;
		map->fm_extent_count = AT_ONCE;
		if (ioctl(fd, FS_IOC_FIEMAP, map) != 0)
			return errno == ENOTTY ? -EOPNOTSUPP : -errno;
		if (map->fm_mapped_extents == 0)
			return 0;
		if (map->fm_mapped_extents > AT_ONCE)
			return -EBADMSG;
		for (uint32_t i = 0; err == 0 && i < map->fm_mapped_extents; i++) {
			const struct fiemap_extent *extent = &map->fm_extents[i];
			uint64_t end;

			if (__builtin_add_overflow(extent->fe_logical, extent->fe_length, &end) ||
			    end <= from)
				return -EBADMSG;
			from = end;
			is_last = (extent->fe_flags & FIEMAP_EXTENT_LAST) != 0;
			err = add_extent(extent, file_size, disk, bad);
		}
	}
	return err;
}

int mcsafe__extents_bad(int fd, uint64_t file_size, const struct mcsafe_badblocks *disk,
			struct mcsafe__ranges *bad)
{
	/* A mapping shows the whole of the last page. */
	uint64_t visible = mcsafe__up(file_size, MCSAFE__PAGE);
	struct fiemap *map;
	int err;

	if (is_on_another_disk(fd))
		return -EOPNOTSUPP;
	map = malloc(sizeof(*map) + AT_ONCE * sizeof(map->fm_extents[0]));
	if (map == NULL)
		return -ENOMEM;
	err = add_extents(fd, visible, disk, bad, map);
	free(map);
	return err;
}
