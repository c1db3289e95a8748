/* SPDX-License-Identifier: BSD-3-Clause */
/* clearing_none.c - a library built without libndctl: nothing is cleared */
#include "clearing.h"

#include <errno.h>

int mcsafe__clearing_begin(struct mcsafe__clearing **clearing, const char *region, uint64_t address,
			   uint64_t n)
{
	(void)clearing;
	(void)region;
	(void)address;
	(void)n;
	return -ENOSYS;
}

/* Never called: no clearing ever begins. */
int mcsafe__clearing_run(const struct mcsafe__clearing *clearing)
{
	(void)clearing;
	return -ENOSYS;
}

void mcsafe__clearing_end(struct mcsafe__clearing *clearing)
{
	(void)clearing;
}
