/* SPDX-License-Identifier: BSD-3-Clause */
/* fake_ndctl.c - a libndctl of one bus with two regions, "region0" without bad blocks */
#include <ndctl/libndctl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define HERE __attribute__((visibility("default")))

struct ndctl_ctx {
	int contexts;
};

struct ndctl_bus {
	int number;
};

struct ndctl_region {
	const char *name;
	size_t n_bad;
	size_t next;
	struct badblock bad;
};

static struct ndctl_ctx context;
static struct ndctl_bus bus;
static struct ndctl_region regions[] = {{.name = "region0"}, {.name = "region1"}};

HERE int ndctl_new(struct ndctl_ctx **ctx)
{
	const char *count = getenv("FAKE_NDCTL_COUNT");

	regions[1].n_bad = count != NULL ? strtoul(count, NULL, 10) : 0;
	context.contexts++;
	*ctx = &context;
	return 0;
}

HERE struct ndctl_ctx *ndctl_unref(struct ndctl_ctx *ctx)
{
	ctx->contexts--;
	return NULL;
}

HERE struct ndctl_bus *ndctl_bus_get_first(struct ndctl_ctx *ctx)
{
	return ctx->contexts == 1 ? &bus : NULL;
}

HERE struct ndctl_bus *ndctl_bus_get_next(struct ndctl_bus *last)
{
	(void)last;
	return NULL;
}

HERE struct ndctl_region *ndctl_region_get_first(struct ndctl_bus *of)
{
	(void)of;
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
	region->next++;
	return &region->bad;
}

HERE struct badblock *ndctl_region_get_first_badblock(struct ndctl_region *region)
{
	region->next = 0;
	return ndctl_region_get_next_badblock(region);
}
