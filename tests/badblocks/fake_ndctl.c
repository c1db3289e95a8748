/* SPDX-License-Identifier: BSD-3-Clause */
/* fake_ndctl.c - a libndctl of one bus with two regions; "region0" has no bad blocks */
#include <ndctl/libndctl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "fake_ndctl.h"

#define HERE __attribute__((visibility("default")))

struct ndctl_ctx {
	int contexts;
};

struct ndctl_bus {
	int number;
};

/* One command, of either kind. */
struct ndctl_cmd {
	unsigned long long address, len;
	unsigned long long cleared;
	int is_clear;
};

struct ndctl_region {
	const char *name;
	size_t n_bad;
	size_t next;
	struct badblock bad;
};

extern struct fake_ndctl fake_ndctl;
HERE struct fake_ndctl fake_ndctl;

static struct ndctl_ctx context;
static struct ndctl_bus only_bus;
static struct ndctl_region regions[] = {{.name = "region0"}, {.name = "region1"}};

HERE int ndctl_new(struct ndctl_ctx **ctx)
{
	const char *count = getenv("FAKE_NDCTL_COUNT");

	if (fake_ndctl.new_context != 0)
		return fake_ndctl.new_context;
	regions[1].n_bad = count != NULL ? strtoul(count, NULL, 10) : 0;
	context.contexts++;
	fake_ndctl.live++;
	*ctx = &context;
	return 0;
}

HERE struct ndctl_ctx *ndctl_unref(struct ndctl_ctx *ctx)
{
	ctx->contexts--;
	fake_ndctl.live--;
	return NULL;
}

HERE struct ndctl_bus *ndctl_bus_get_first(struct ndctl_ctx *ctx)
{
	return ctx->contexts == 1 ? &only_bus : NULL;
}

HERE struct ndctl_bus *ndctl_bus_get_next(struct ndctl_bus *bus)
{
	(void)bus;
	return NULL;
}

HERE struct ndctl_region *ndctl_region_get_first(struct ndctl_bus *bus)
{
	(void)bus;
	return &regions[0];
}

HERE struct ndctl_region *ndctl_region_get_next(struct ndctl_region *region)
{
	return region == &regions[0] ? &regions[1] : NULL;
}

HERE const char *ndctl_region_get_devname(struct ndctl_region *region)
{
	return region->name;
}

HERE struct badblock *ndctl_region_get_next_badblock(struct ndctl_region *region)
{
	if (region->next == region->n_bad)
		return NULL;
	region->bad = (struct badblock){.offset = 100000 + 10 * region->next, .len = 7};
	if (region->next == 0 && fake_ndctl.bad_offset != 0)
		region->bad.offset = fake_ndctl.bad_offset;
	region->next++;
	return &region->bad;
}

HERE struct badblock *ndctl_region_get_first_badblock(struct ndctl_region *region)
{
	region->next = 0;
	return ndctl_region_get_next_badblock(region);
}

HERE void ndctl_set_log_priority(struct ndctl_ctx *ctx, int priority)
{
	(void)ctx;
	fake_ndctl.log_priority = priority;
}

HERE struct ndctl_bus *ndctl_region_get_bus(struct ndctl_region *region)
{
	(void)region;
	return &only_bus;
}

HERE int ndctl_bus_is_cmd_supported(struct ndctl_bus *bus, int cmd)
{
	(void)bus;
	return (fake_ndctl.commands >> cmd & 1) != 0;
}

static struct ndctl_cmd *new_command(unsigned long long address, unsigned long long len,
				     int is_clear)
{
	struct ndctl_cmd *command = fake_ndctl.no_commands ? NULL : calloc(1, sizeof(*command));

	if (command == NULL)
		return NULL;
	fake_ndctl.live++;
	*command = (struct ndctl_cmd){.address = address, .len = len, .is_clear = is_clear};
	return command;
}

HERE struct ndctl_cmd *ndctl_bus_cmd_new_ars_cap(struct ndctl_bus *bus, unsigned long long address,
						 unsigned long long len)
{
	(void)bus;
	fake_ndctl.cap_address = fake_ndctl.cleared_to = address;
	fake_ndctl.cap_len = len;
	return new_command(address, len, 0);
}

HERE struct ndctl_cmd *ndctl_bus_cmd_new_clear_error(unsigned long long address,
						     unsigned long long len,
						     struct ndctl_cmd *ars_cap)
{
	/* Like the real function: fails without an answer to the ARS capability command. */
	return ars_cap->is_clear || fake_ndctl.no_clear_commands ? NULL
								 : new_command(address, len, 1);
}

HERE void ndctl_cmd_unref(struct ndctl_cmd *cmd)
{
	fake_ndctl.live--;
	free(cmd);
}

static void clear(struct ndctl_cmd *cmd)
{
	fake_ndctl.clears++;
	cmd->cleared = cmd->len < fake_ndctl.most ? cmd->len : fake_ndctl.most;
	if (cmd->address + cmd->cleared > fake_ndctl.worn)
		cmd->cleared = cmd->address < fake_ndctl.worn ? fake_ndctl.worn - cmd->address : 0;
	if (cmd->address == fake_ndctl.cleared_to)
		fake_ndctl.cleared_to += cmd->cleared;
}

HERE int ndctl_cmd_submit(struct ndctl_cmd *cmd)
{
	int result = cmd->is_clear ? fake_ndctl.submit_clear : fake_ndctl.submit_cap;

	if (result >= 0 && cmd->is_clear)
		clear(cmd);
	return result;
}

HERE unsigned int ndctl_cmd_get_firmware_status(struct ndctl_cmd *cmd)
{
	return cmd->is_clear ? fake_ndctl.status_clear : fake_ndctl.status_cap;
}

HERE unsigned int ndctl_cmd_ars_cap_get_clear_unit(struct ndctl_cmd *ars_cap)
{
	return ars_cap->is_clear ? 0 : fake_ndctl.unit;
}

HERE unsigned long long ndctl_cmd_clear_error_get_cleared(struct ndctl_cmd *clear_err)
{
	return clear_err->is_clear ? clear_err->cleared + fake_ndctl.extra : 0;
}
