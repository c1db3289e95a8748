/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.c - persistent memory, huge pages, shared memory, and who reports memory errors */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "common/json.h"
#include "common/size.h"
#include "common/tool.h"
#include "info/items.h"

#define GROUP "memory"

/* Read a number from DIRECTORY/NAME/FILE. */
static bool read_number(const char *directory, const char *name, const char *file, uint64_t *number)
{
	char path[PATH_MAX], *line, *end;

	snprintf(path, sizeof(path), "%s/%s/%s", directory, name, file);
	line = item_line(path);
	if (line == NULL)
		return false;
	errno = 0;
	*number = strtoull(line, &end, 0);
	end += strspn(end, " \t");
	free(line);
	return errno == 0;
}

static int by_name(const struct dirent **one, const struct dirent **other)
{
	return strverscmp((*one)->d_name, (*other)->d_name);
}

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int is_pmem(const struct dirent *entry)
{
	return strncmp(entry->d_name, "pmem", 4) == 0;
}

typedef bool describe_fn(const char *directory, const char *name, char *text, size_t room);

/* Describe what a directory of sysfs has, one after the other. */
static void add_list(struct items *items, const char *item, const char *directory,
		     int (*filter)(const struct dirent *entry), describe_fn *describe,
		     const char *advice)
{
	struct dirent **list;
	int n = scandir(directory, &list, filter, by_name), shown = 0;
	char *all = tool_copy_text("");
	struct stat status;

	if (n < 0 && errno == ENOENT && stat("/sys/kernel/mm", &status) == 0) {
		n = 0; /* the kernel has no such bus */
		list = NULL;
	}
	if (n < 0) {
		items_add(items, GROUP, item, ITEM_UNKNOWN, "mount /sys", "%s: %s", directory,
			  strerror(errno));
		free(all);
		return;
	}
	for (int i = 0; i < n; i++) {
		char text[200], *longer;

		if (describe(directory, list[i]->d_name, text, sizeof(text))) {
			if (asprintf(&longer, "%s%s%s", all, shown > 0 ? "; " : "", text) < 0)
				tool_fail("no memory");
			free(all);
			all = longer;
			shown++;
		}
		free(list[i]);
	}
	free(list);
	items_add(items, GROUP, item, shown > 0 ? ITEM_YES : ITEM_NO, shown > 0 ? NULL : advice,
		  "%s", all);
	free(all);
}

static bool describe_pmem(const char *directory, const char *name, char *text, size_t room)
{
	uint64_t sectors, dax;
	char size[SIZE_TEXT];

	if (!read_number(directory, name, "size", &sectors))
		return false;
	snprintf(text, room, "/dev/%s (%s%s)", name, size_text(sectors * 512, size),
		 read_number(directory, name, "queue/dax", &dax) && dax != 0 ? ", DAX" : "");
	return true;
}

static bool describe_dax(const char *directory, const char *name, char *text, size_t room)
{
	uint64_t bytes;
	char size[SIZE_TEXT];

	if (!read_number(directory, name, "size", &bytes))
		return false;
	snprintf(text, room, "/dev/%s (%s)", name, size_text(bytes, size));
	return true;
}

static bool describe_pool(const char *directory, const char *name, char *text, size_t room)
{
	uint64_t all, unused, reserved, over;
	unsigned long kib;
	char size[SIZE_TEXT];

	/* NOLINTNEXTLINE(cert-err34-c): the kernel has written the number. */
	if (sscanf(name, "hugepages-%lukB", &kib) != 1 ||
	    !read_number(directory, name, "nr_hugepages", &all) ||
	    !read_number(directory, name, "free_hugepages", &unused) ||
	    !read_number(directory, name, "resv_hugepages", &reserved) ||
	    !read_number(directory, name, "nr_overcommit_hugepages", &over))
		return false;
	snprintf(text, room, "%s: %ju pages, %ju free, %ju reserved, %ju more on request",
		 size_text((uint64_t)kib * 1024, size), (uintmax_t)all, (uintmax_t)unused,
		 (uintmax_t)reserved, (uintmax_t)over);
	return true;
}

static bool describe_controller(const char *directory, const char *name, char *text, size_t room)
{
	uint64_t corrected, uncorrected;

	if (!read_number(directory, name, "ce_count", &corrected) ||
	    !read_number(directory, name, "ue_count", &uncorrected))
		return false;
	snprintf(text, room, "%s: %ju errors corrected, %ju not", name, (uintmax_t)corrected,
		 (uintmax_t)uncorrected);
	return true;
}

static void add_shm(struct items *items)
{
	struct statvfs status;
	char unused[SIZE_TEXT], all[SIZE_TEXT];
	bool is_full;

	if (statvfs("/dev/shm", &status) != 0) {
		items_add(items, GROUP, "/dev/shm", ITEM_UNKNOWN, NULL, "%s", strerror(errno));
		return;
	}
	is_full = status.f_bavail < status.f_blocks / 20;
	items_add(items, GROUP, "/dev/shm", is_full ? ITEM_NO : ITEM_YES,
		  is_full ? "a store to shared memory may find no space, and raises SIGBUS" : NULL,
		  "%s of %s free", size_text(status.f_bavail * status.f_frsize, unused),
		  size_text(status.f_blocks * status.f_frsize, all));
}

void info_memory(struct items *items)
{
	add_list(items, "persistent memory", "/sys/block", is_pmem, describe_pmem, NULL);
	add_list(items, "device-dax nodes", "/sys/bus/dax/devices", is_shown, describe_dax, NULL);
	add_list(items, "huge pages", "/sys/kernel/mm/hugepages", is_shown, describe_pool, NULL);
	add_list(items, "memory controllers (EDAC)", "/sys/devices/system/edac/mc", is_shown,
		 describe_controller,
		 "on real hardware load its EDAC driver: without it, corrected errors are not "
		 "counted");
	add_shm(items);
}
