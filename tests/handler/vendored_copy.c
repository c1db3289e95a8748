/* SPDX-License-Identifier: BSD-3-Clause */
/* vendored_copy.c - a plugin that has libmcsafe inside, and hides it */
#include "vendored_copy.h"

#include <mcsafe/mcsafe.h>

static size_t read_notices(void)
{
	struct mcsafe_notice notices[8];

	return mcsafe_notice_read(notices, 8, NULL);
}

static int want_notices(void)
{
	return mcsafe_on_notice(NULL, NULL);
}

const struct vendored vendored = {
	.install = mcsafe_install,
	.uninstall = mcsafe_uninstall,
	.copy = memcpy_mcsafe,
	.want_notices = want_notices,
	.read_notices = read_notices,
};
