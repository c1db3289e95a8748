/* SPDX-License-Identifier: BSD-3-Clause */
/* old_kernel.c - a kernel that may never return from MADV_POPULATE_READ and MADV_POPULATE_WRITE */
#include "old_kernel.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include "base/populate.h"

const char *t_release;
size_t t_populated;

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker wants these names */
int __real_madvise(void *start, size_t n, int advice);
int __wrap_madvise(void *start, size_t n, int advice);
int __real_uname(struct utsname *name);
int __wrap_uname(struct utsname *name);

int __wrap_madvise(void *start, size_t n, int advice)
{
	t_populated += advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE;
	return __real_madvise(start, n, advice);
}

int __wrap_uname(struct utsname *name)
{
	int result = __real_uname(name);

	if (result == 0 && t_release != NULL)
		snprintf(name->release, sizeof(name->release), "%s", t_release);
	return result;
}
/* NOLINTEND(bugprone-reserved-identifier) */
