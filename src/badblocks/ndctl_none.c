/* SPDX-License-Identifier: BSD-3-Clause */
/* ndctl_none.c - a library built without libndctl: sysfs is asked alone, and nothing is cleared */
#include <errno.h>

#include "ask.h"

int mcsafe__ndctl_region(const char *name, struct mcsafe__list *list)
{
	(void)name;
	(void)list;
	return -ENOSYS;
}

int mcsafe__clearing_begin(struct mcsafe__clearing **clearing, const char *region, uint64_t address,
			   uint64_t n)
{
	(void)clearing;
	(void)region;
	(void)address;
	(void)n;
	return -ENOSYS;
}

/* As no clearing ever begins, nobody comes here. */
int mcsafe__clearing_run(const struct mcsafe__clearing *clearing)
{
	(void)clearing;
	return -ENOSYS;
}

void mcsafe__clearing_end(struct mcsafe__clearing *clearing)
{
	(void)clearing;
}
