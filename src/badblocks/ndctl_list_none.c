/* SPDX-License-Identifier: BSD-3-Clause */
/* ndctl_list_none.c - a library built without libndctl: sysfs alone is asked */
#include "ask.h"

#include <errno.h>

int mcsafe__ndctl_region(const char *name, struct mcsafe__list *list)
{
	(void)name;
	(void)list;
	return -ENOSYS;
}
