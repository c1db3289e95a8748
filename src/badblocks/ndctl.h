/* SPDX-License-Identifier: BSD-3-Clause */
/* ndctl.h - the functions of libndctl, and what both of their users do first */
#ifndef MCSAFE_SRC_BADBLOCKS_NDCTL_H
#define MCSAFE_SRC_BADBLOCKS_NDCTL_H

#include <ndctl/libndctl.h>

struct mcsafe__ndctl {
	__typeof__(ndctl_new) *new_context;
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
};

/* Open libndctl, the first time. NULL: it cannot be loaded, or lacks a function. MT-Safe. */
const struct mcsafe__ndctl *mcsafe__ndctl(void);

/* Both of these are called between mcsafe__msan_foreign_begin() and _end() (base/msan.h). */

/* 0 and *context, which must be given back by unref(); or -errno. */
int mcsafe__ndctl_new_context(const struct mcsafe__ndctl *ndctl, struct ndctl_ctx **context);

/* The region of that name, or NULL. */
struct ndctl_region *mcsafe__ndctl_find_region(const struct mcsafe__ndctl *ndctl,
					       struct ndctl_ctx *context, const char *name);

#endif /* MCSAFE_SRC_BADBLOCKS_NDCTL_H */
