/* SPDX-License-Identifier: BSD-3-Clause */
/* ndctl_none.c - a library that was built without libndctl: sysfs is asked alone */
#include <errno.h>

#include "ask.h"

int mcsafe__ndctl_region(const char *name, struct mcsafe__list *list)
{
	(void)name;
	(void)list;
	return -ENOSYS;
}
