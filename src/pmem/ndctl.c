/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ndctl.c - bad blocks of a region by libndctl
 *
 * It is opened at the first question, so that a program which asks none does not load it. Its
 * functions are found by name; their types are those of its header.
 */
#include <dlfcn.h>
#include <errno.h>
#include <ndctl/libndctl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "msan.h"

#define LIBRARY "libndctl.so.6"

static struct {
	__typeof__(ndctl_new) *new;
	__typeof__(ndctl_unref) *unref;
	__typeof__(ndctl_bus_get_first) *first_bus;
	__typeof__(ndctl_bus_get_next) *next_bus;
	__typeof__(ndctl_region_get_first) *first_region;
	__typeof__(ndctl_region_get_next) *next_region;
	__typeof__(ndctl_region_get_devname) *region_name;
	__typeof__(ndctl_region_get_first_badblock) *first_badblock;
	__typeof__(ndctl_region_get_next_badblock) *next_badblock;
} ndctl;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_there;

/* POSIX has functions and objects in pointers of one size, so that this can be. */
static bool find(void *handle, const char *name, void *function)
{
	void *found = dlsym(handle, name);

	memcpy(function, &found, sizeof(found));
	return found != NULL;
}

/* It stays open: there is nothing to be had from closing it. */
static void open_library(void)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	is_there = handle != NULL && find(handle, "ndctl_new", &ndctl.new) &&
		   find(handle, "ndctl_unref", &ndctl.unref) &&
		   find(handle, "ndctl_bus_get_first", &ndctl.first_bus) &&
		   find(handle, "ndctl_bus_get_next", &ndctl.next_bus) &&
		   find(handle, "ndctl_region_get_first", &ndctl.first_region) &&
		   find(handle, "ndctl_region_get_next", &ndctl.next_region) &&
		   find(handle, "ndctl_region_get_devname", &ndctl.region_name) &&
		   find(handle, "ndctl_region_get_first_badblock", &ndctl.first_badblock) &&
		   find(handle, "ndctl_region_get_next_badblock", &ndctl.next_badblock);
}

static bool is_named(struct ndctl_region *region, const char *name)
{
	const char *its = ndctl.region_name(region);

	mcsafe__msan_written_string(its);
	return strcmp(its, name) == 0;
}

static struct ndctl_region *find_region(struct ndctl_ctx *context, const char *name)
{
	for (struct ndctl_bus *bus = ndctl.first_bus(context); bus != NULL;
	     bus = ndctl.next_bus(bus))
		for (struct ndctl_region *region = ndctl.first_region(bus); region != NULL;
		     region = ndctl.next_region(region))
			if (is_named(region, name))
				return region;
	return NULL;
}

/* The library reads the kernel's text and does not say how long it was. */
static int read_badblocks(struct ndctl_region *region, struct mcsafe__list *list)
{
	size_t text = 0;
	int err = 0;

	for (const struct badblock *bad = ndctl.first_badblock(region); err == 0 && bad != NULL;
	     bad = ndctl.next_badblock(region)) {
		struct mcsafe_range range;

		mcsafe__msan_written(bad, sizeof(*bad));
		text += (size_t)snprintf(NULL, 0, "%llu %u\n", bad->offset, bad->len);
		if (__builtin_mul_overflow(bad->offset, MCSAFE__SECTOR, &range.start) ||
		    __builtin_mul_overflow(bad->len, MCSAFE__SECTOR, &range.len) ||
		    range.len == 0 || range.start > SIZE_MAX - range.len)
			err = -EBADMSG;
		else
			err = mcsafe__ranges_append(&list->ranges, range);
	}
	/* One more line of this length would not have fitted in. */
	list->cut = mcsafe__list_is_cut(text + text / (list->ranges.n + 1) + 1, list->ranges.n);
	return err != 0 ? err : list->ranges.n != 0 ? 0 : -ENODEV;
}

static int ask(const char *name, struct mcsafe__list *list)
{
	struct ndctl_ctx *context;
	struct ndctl_region *region;
	int err;

	mcsafe__msan_foreign_begin();
	err = ndctl.new(&context);
	if (err == 0) {
		mcsafe__msan_written(&context, sizeof(void *));
		region = find_region(context, name);
		err = region != NULL ? read_badblocks(region, list) : -ENODEV;
		ndctl.unref(context);
	}
	mcsafe__msan_foreign_end();
	return err;
}

int mcsafe__ndctl_region(const char *name, struct mcsafe__list *list)
{
	pthread_once(&once, open_library);
	return is_there ? ask(name, list) : -ENOSYS;
}
