/* SPDX-License-Identifier: BSD-3-Clause */
/* target.c - the file or device that a command is about */
#include "common/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <mcsafe/handler.h>

#include "common/json.h"
#include "common/tool.h"

void target_open(struct target *target, const char *path, int flags)
{
	struct mcsafe_pmem_info info;
	int error = mcsafe_install();

	if (error != 0)
		tool_fail("the handler of SIGBUS cannot be installed: %s", strerror(-error));
	/* The caller may have left the signals blocked. */
	if (mcsafe_thread_prepare() != 0)
		tool_fail("no memory for an alternate stack");
	target->path = path;
	target->shown = text_visible(path);
	error = mcsafe_pmem_open(&target->pmem, path, flags);
	if (error == -ENODEV)
		tool_fail("%s: neither a file, a block device nor a device-dax node",
			  target->shown);
	if (error != 0)
		tool_fail("%s: %s", target->shown, strerror(-error));
	mcsafe_pmem_get_info(target->pmem, &info);
	target->size = info.size;
	target->align = info.align;
}

void target_close(struct target *target)
{
	mcsafe_pmem_close(target->pmem);
	free(target->shown);
}

const char *target_not_asked(int error)
{
	switch (error) {
	case EOPNOTSUPP:
		return "the kernel keeps no list of bad blocks for it";
	case ENODEV:
		return "its file system is not on a single disk, so the kernel has no list of bad "
		       "blocks for it";
	case EACCES:
		return "only root may read the kernel's list of bad blocks";
	case EBADMSG:
		return "the kernel's list of bad blocks is not valid";
	default:
		return strerror(error);
	}
}
