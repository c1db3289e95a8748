/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ndctl.c - open libndctl
 *
 * libndctl is opened when it is first needed, so that a program which never needs it does not load
 * it. Its functions are found by name; their types are those of its header.
 */
#include "ndctl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/msan.h"

#define LIBRARY "libndctl.so.6"

static struct mcsafe__ndctl functions;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_there;

/* POSIX requires that a pointer to an object can hold one to a function (dlsym(3)). */
static bool find(void *handle, const char *name, void *function)
{
	void *found = dlsym(handle, name);

	memcpy(function, &found, sizeof(found));
	return found != NULL;
}

/* The library stays open: closing it would gain nothing. */
static void open_library(void)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	is_there = handle != NULL && find(handle, "ndctl_new", &functions.new_context) &&
		   find(handle, "ndctl_unref", &functions.unref) &&
		   find(handle, "ndctl_set_log_priority", &functions.set_log_priority) &&
		   find(handle, "ndctl_bus_get_first", &functions.first_bus) &&
		   find(handle, "ndctl_bus_get_next", &functions.next_bus) &&
		   find(handle, "ndctl_region_get_first", &functions.first_region) &&
		   find(handle, "ndctl_region_get_next", &functions.next_region) &&
		   find(handle, "ndctl_region_get_devname", &functions.region_name) &&
		   find(handle, "ndctl_region_get_first_badblock", &functions.first_badblock) &&
		   find(handle, "ndctl_region_get_next_badblock", &functions.next_badblock) &&
		   find(handle, "ndctl_region_get_bus", &functions.bus_of) &&
		   find(handle, "ndctl_bus_is_cmd_supported", &functions.supports) &&
		   find(handle, "ndctl_bus_cmd_new_ars_cap", &functions.new_capabilities) &&
		   find(handle, "ndctl_cmd_ars_cap_get_clear_unit", &functions.clear_unit) &&
		   find(handle, "ndctl_bus_cmd_new_clear_error", &functions.new_clear_error) &&
		   find(handle, "ndctl_cmd_clear_error_get_cleared", &functions.cleared) &&
		   find(handle, "ndctl_cmd_submit", &functions.submit) &&
		   find(handle, "ndctl_cmd_get_firmware_status", &functions.firmware_status) &&
		   find(handle, "ndctl_cmd_unref", &functions.unref_command);
}

const struct mcsafe__ndctl *mcsafe__ndctl(void)
{
	pthread_once(&once, open_library);
	return is_there ? &functions : NULL;
}

int mcsafe__ndctl_new_context(const struct mcsafe__ndctl *ndctl, struct ndctl_ctx **context)
{
	int err = ndctl->new_context(context);

	if (err == 0) {
		mcsafe__msan_written(context, sizeof(void *));
		/* Or it writes errors to the standard error, which is the program's. */
		ndctl->set_log_priority(*context, 0);
	}
	return err;
}

static bool is_named(const struct mcsafe__ndctl *ndctl, struct ndctl_region *region,
		     const char *name)
{
	const char *its = ndctl->region_name(region);

	mcsafe__msan_written_string(its);
	return strcmp(its, name) == 0;
}

struct ndctl_region *mcsafe__ndctl_find_region(const struct mcsafe__ndctl *ndctl,
					       struct ndctl_ctx *context, const char *name)
{
	for (struct ndctl_bus *bus = ndctl->first_bus(context); bus != NULL;
	     bus = ndctl->next_bus(bus))
		for (struct ndctl_region *region = ndctl->first_region(bus); region != NULL;
		     region = ndctl->next_region(region))
			if (is_named(ndctl, region, name))
				return region;
	return NULL;
}
