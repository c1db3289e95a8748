/* SPDX-License-Identifier: BSD-3-Clause */
/* backtrace_none.c - for a library that is built without libunwind */
#include "report.h"

#include <errno.h>

int mcsafe__backtrace(const void *ctx, int names, int (*step)(const struct mcsafe__frame *, void *),
		      void *arg)
{
	(void)ctx;
	(void)names;
	(void)step;
	(void)arg;
	return -ENOSYS;
}
