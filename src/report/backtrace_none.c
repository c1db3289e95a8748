/* SPDX-License-Identifier: BSD-3-Clause */
/* backtrace_none.c - what a library that was built without libunwind does instead of a backtrace */
#include "report.h"

#include <errno.h>

int mcsafe__backtrace(const void *ctx, bool names, mcsafe__step_fn *step, void *arg)
{
	(void)ctx;
	(void)names;
	(void)step;
	(void)arg;
	return -ENOSYS;
}
