/* SPDX-License-Identifier: BSD-3-Clause */
/* check_set.c - choose where reports about jumps go, and prepare what they need */
#include "guard.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/control.h"
#include "report/child_setup.h"

static int turn_on(int fd)
{
	int err;

	if (!mcsafe__is_writable(fd))
		return -EBADF;
	err = mcsafe__warm_up_unwinder();
	if (err == 0)
		err = mcsafe__child_prepare(&mcsafe__guard_check_setup, fd);
	if (err == 0)
		atomic_store(&mcsafe__guard_checker, mcsafe__guard_check_jump);
	return err;
}

static int turn_off(void)
{
	atomic_store(&mcsafe__guard_checker, NULL);
	mcsafe__child_let_go(&mcsafe__guard_check_setup);
	return 0;
}

int mcsafe_guard_check(int fd)
{
	struct mcsafe__section section;
	int err;

	mcsafe__control_enter(&section);
	err = fd == -1 ? turn_off() : turn_on(fd);
	mcsafe__control_leave(&section);
	return err;
}
