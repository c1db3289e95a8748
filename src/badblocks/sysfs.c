/* SPDX-License-Identifier: BSD-3-Clause */
/* sysfs.c - the kernel's lists of bad blocks, from /sys */
#include "ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devdax.h"
#include "sysfs_file.h"

/* badblocks_show() of the kernel fills at most one page. Its last byte is the end of the string. */
#define KERNEL_TEXT_MAX    ((size_t)4095)
/* MAX_BADBLOCKS of the kernel, which keeps no more entries. */
#define KERNEL_ENTRIES_MAX 512

/* A list is read as a whole. The room is larger than the kernel's limit, so that a longer
 * list shows. */
#define TEXT_ROOM ((size_t)65536)

bool mcsafe__list_is_cut(size_t text, size_t entries)
{
	return text >= KERNEL_TEXT_MAX || entries >= KERNEL_ENTRIES_MAX;
}

/* Parse a list. Offsets count from the start of the device or region that the list is about. */
static int parse(char *text, size_t n, struct mcsafe__list *list)
{
	size_t line;
	FILE *file;
	int err;

	list->cut = mcsafe__list_is_cut(n, 0);
	if (list->cut) {
		while (n > 0 && text[n - 1] != '\n')
			n--;
	}
	if (n == 0)
		return list->cut ? -EBADMSG : 0;
	file = fmemopen(text, n, "r");
	if (file == NULL)
		return -errno;
	err = mcsafe__ranges_read(&list->ranges, file, MCSAFE__SECTOR, &line);
	fclose(file);
	list->cut = mcsafe__list_is_cut(n, list->ranges.n) || list->cut;
	return err == -EINVAL ? -EBADMSG : err;
}

static int read_list(const char *directory, const char *name, struct mcsafe__list *list)
{
	char *text = malloc(TEXT_ROOM);
	size_t n = 0;
	int err;

	if (text == NULL)
		return -ENOMEM;
	err = mcsafe__sysfs_read_text(directory, name, text, TEXT_ROOM, &n);
	/* If the driver of a disk keeps no list, the file is an empty line. An empty list is
	 * no line. */
	if (err == -ENOENT || (err == 0 && strcmp(text, "\n") == 0))
		err = -EOPNOTSUPP;
	if (err == 0)
		err = parse(text, n, list);
	free(text);
	return err;
}

/* Append the part of [start, start + len) that is in a window. It counts from the
 * window's start. */
static int append_clipped(struct mcsafe__ranges *ranges, uint64_t start, uint64_t len,
			  uint64_t window_start, uint64_t window_len)
{
	uint64_t end, window_end;

	if (__builtin_add_overflow(start, len, &end) ||
	    __builtin_add_overflow(window_start, window_len, &window_end))
		return -EBADMSG;
	if (start < window_start)
		start = window_start;
	if (end > window_end)
		end = window_end;
	if (start >= end)
		return 0;
	return mcsafe__ranges_append(ranges,
				     (struct mcsafe_range){start - window_start, end - start});
}

/* Keep the parts of a list that are in a window. They count from the window's start; the offsets of
 * the list count from list_start. */
static int clip_all(struct mcsafe__list *list, uint64_t list_start, uint64_t window_start,
		    uint64_t window_len)
{
	struct mcsafe__ranges whole = list->ranges;
	int err = 0;

	list->ranges = (struct mcsafe__ranges){0};
	for (size_t i = 0; err == 0 && i < whole.n; i++) {
		uint64_t start;

		if (__builtin_add_overflow(list_start, whole.list[i].start, &start))
			err = -EBADMSG;
		else
			err = append_clipped(&list->ranges, start, whole.list[i].len, window_start,
					     window_len);
	}
	free(whole.list);
	return err;
}

/* A partition has no list of its own, so that of its disk is read. The directory of a partition is
 * in that of its disk. */
int mcsafe__sysfs_disk(const char *sysfs, dev_t device, struct mcsafe__list *list)
{
	char directory[MCSAFE__SYSFS_PATH];
	uint64_t start = 0, sectors, bytes;
	bool is_partition;
	int err = mcsafe__sysfs_device(directory, sysfs, "block", device);

	if (err != 0)
		return err;
	if (access(directory, F_OK) != 0)
		return errno == ENOENT ? -ENODEV : -errno;
	is_partition = mcsafe__sysfs_has(directory, "partition");
	err = read_list(directory, is_partition ? "../badblocks" : "badblocks", list);
	if (err == 0 && is_partition)
		err = mcsafe__sysfs_read_number(directory, "start", &start);
	if (err == 0)
		err = mcsafe__sysfs_read_number(directory, "size", &sectors);
	if (err != 0)
		return err;
	if (__builtin_mul_overflow(sectors, MCSAFE__SECTOR, &bytes) ||
	    __builtin_mul_overflow(start, MCSAFE__SECTOR, &start))
		return -EBADMSG;
	return clip_all(list, 0, start, bytes);
}

int mcsafe__sysfs_dax(const char *sysfs, dev_t device, struct mcsafe__list *list)
{
	struct mcsafe__dax_place place;
	int err = mcsafe__sysfs_dax_place(sysfs, device, &place);

	if (err != 0)
		return err;
	/* libndctl asks about this machine, not about another tree. */
	err = strcmp(sysfs, "/sys") == 0 ? mcsafe__ndctl_region(mcsafe__region_name(&place), list)
					 : -ENOSYS;
	if (err == -ENOSYS || err == -ENODEV)
		err = read_list(place.region, "badblocks", list);
	return err != 0 ? err : clip_all(list, place.region_start, place.start, place.bytes);
}
