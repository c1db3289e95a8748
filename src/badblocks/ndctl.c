/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ndctl.c - bad blocks of a region by libndctl, and clearing them
 *
 * It is opened at the first question, so that a program which asks none does not load it. Its
 * functions are found by name; their types are those of its header.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/ndctl.h>
#include <ndctl/libndctl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "base/msan.h"

#define LIBRARY "libndctl.so.6"

static struct {
	__typeof__(ndctl_new) *new;
	__typeof__(ndctl_unref) *unref;
	__typeof__(ndctl_set_log_priority) *set_log_priority;
	__typeof__(ndctl_bus_get_first) *first_bus;
	__typeof__(ndctl_bus_get_next) *next_bus;
	__typeof__(ndctl_region_get_first) *first_region;
	__typeof__(ndctl_region_get_next) *next_region;
	__typeof__(ndctl_region_get_devname) *region_name;
	__typeof__(ndctl_region_get_first_badblock) *first_badblock;
	__typeof__(ndctl_region_get_next_badblock) *next_badblock;
	__typeof__(ndctl_region_get_bus) *bus_of;
	__typeof__(ndctl_bus_is_cmd_supported) *supports;
	__typeof__(ndctl_bus_cmd_new_ars_cap) *new_capabilities;
	__typeof__(ndctl_cmd_ars_cap_get_clear_unit) *clear_unit;
	__typeof__(ndctl_bus_cmd_new_clear_error) *new_clear_error;
	__typeof__(ndctl_cmd_clear_error_get_cleared) *cleared;
	__typeof__(ndctl_cmd_submit) *submit;
	__typeof__(ndctl_cmd_get_firmware_status) *firmware_status;
	__typeof__(ndctl_cmd_unref) *unref_command;
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
		   find(handle, "ndctl_set_log_priority", &ndctl.set_log_priority) &&
		   find(handle, "ndctl_bus_get_first", &ndctl.first_bus) &&
		   find(handle, "ndctl_bus_get_next", &ndctl.next_bus) &&
		   find(handle, "ndctl_region_get_first", &ndctl.first_region) &&
		   find(handle, "ndctl_region_get_next", &ndctl.next_region) &&
		   find(handle, "ndctl_region_get_devname", &ndctl.region_name) &&
		   find(handle, "ndctl_region_get_first_badblock", &ndctl.first_badblock) &&
		   find(handle, "ndctl_region_get_next_badblock", &ndctl.next_badblock) &&
		   find(handle, "ndctl_region_get_bus", &ndctl.bus_of) &&
		   find(handle, "ndctl_bus_is_cmd_supported", &ndctl.supports) &&
		   find(handle, "ndctl_bus_cmd_new_ars_cap", &ndctl.new_capabilities) &&
		   find(handle, "ndctl_cmd_ars_cap_get_clear_unit", &ndctl.clear_unit) &&
		   find(handle, "ndctl_bus_cmd_new_clear_error", &ndctl.new_clear_error) &&
		   find(handle, "ndctl_cmd_clear_error_get_cleared", &ndctl.cleared) &&
		   find(handle, "ndctl_cmd_submit", &ndctl.submit) &&
		   find(handle, "ndctl_cmd_get_firmware_status", &ndctl.firmware_status) &&
		   find(handle, "ndctl_cmd_unref", &ndctl.unref_command);
}

/* It would write errors to the standard error, which is the program's. */
static int new_context(struct ndctl_ctx **context)
{
	int err = ndctl.new(context);

	if (err == 0) {
		mcsafe__msan_written(context, sizeof(void *));
		ndctl.set_log_priority(*context, 0);
	}
	return err;
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
	err = new_context(&context);
	if (err == 0) {
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

/* ---- clearing --------------------------------------------------------------------------------- */

struct mcsafe__clearing {
	struct ndctl_ctx *context;
	struct ndctl_cmd *capabilities; /* of the range, which a command to clear is made from */
	uint64_t address, n;
};

/* The low half of a firmware's status is an error (ACPI 6.4, 9.20.7); what is above tells more. */
#define STATUS_ERROR 0xffffu

/* 0, or -errno of the kernel, or -EIO: the firmware has refused. */
static int submit(struct ndctl_cmd *command)
{
	/* Above 0: bytes that the firmware has left out, which is no error. */
	int err = ndctl.submit(command);

	if (err < 0)
		return err;
	return (ndctl.firmware_status(command) & STATUS_ERROR) != 0 ? -EIO : 0;
}

static int ask_capabilities(struct mcsafe__clearing *c, const char *name)
{
	struct ndctl_region *region = find_region(c->context, name);
	struct ndctl_bus *bus;
	unsigned unit;
	int err;

	if (region == NULL)
		return -ENODEV;
	bus = ndctl.bus_of(region);
	if (!ndctl.supports(bus, ND_CMD_ARS_CAP) || !ndctl.supports(bus, ND_CMD_CLEAR_ERROR))
		return -EOPNOTSUPP;
	c->capabilities = ndctl.new_capabilities(bus, c->address, c->n);
	if (c->capabilities == NULL)
		return -ENOMEM;
	err = submit(c->capabilities);
	if (err != 0)
		return err;
	unit = ndctl.clear_unit(c->capabilities);
	if (unit == 0)
		return -EOPNOTSUPP;
	return c->address % unit == 0 && c->n % unit == 0 ? 0 : -EINVAL;
}

int mcsafe__clearing_begin(struct mcsafe__clearing **clearing, const char *region, uint64_t address,
			   uint64_t n)
{
	struct mcsafe__clearing *c;
	int err;

	pthread_once(&once, open_library);
	if (!is_there)
		return -ENOSYS;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	c->address = address;
	c->n = n;
	mcsafe__msan_foreign_begin();
	err = new_context(&c->context);
	if (err == 0)
		err = ask_capabilities(c, region);
	mcsafe__msan_foreign_end();
	if (err == 0)
		*clearing = c;
	else
		mcsafe__clearing_end(c);
	return err;
}

/* Some bytes from `at` on; *cleared is how many. */
static int clear_some(const struct mcsafe__clearing *c, uint64_t at, uint64_t *cleared)
{
	struct ndctl_cmd *command =
		ndctl.new_clear_error(at, c->address + c->n - at, c->capabilities);
	int err;

	if (command == NULL)
		return -ENOMEM;
	err = submit(command);
	*cleared = err == 0 ? ndctl.cleared(command) : 0;
	ndctl.unref_command(command);
	return err;
}

/* The firmware may clear less than it is asked to, and the rest when it is asked again. */
int mcsafe__clearing_run(const struct mcsafe__clearing *c)
{
	uint64_t done = 0;
	int err = 0;

	mcsafe__msan_foreign_begin();
	while (err == 0 && done < c->n) {
		uint64_t cleared = 0;

		err = clear_some(c, c->address + done, &cleared);
		if (err == 0 && (cleared == 0 || cleared > c->n - done))
			err = -EIO;
		done += cleared;
	}
	mcsafe__msan_foreign_end();
	return err;
}

void mcsafe__clearing_end(struct mcsafe__clearing *c)
{
	if (c == NULL)
		return;
	if (c->capabilities != NULL)
		ndctl.unref_command(c->capabilities);
	if (c->context != NULL)
		ndctl.unref(c->context);
	free(c);
}
