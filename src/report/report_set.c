/* SPDX-License-Identifier: BSD-3-Clause */
/* report_set.c - choose where reports go, and prepare what they need */
#include <mcsafe/report.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/control.h"
#include "base/errno_kept.h"
#include "child_setup.h"
#include "report.h"

static int turn_on(struct mcsafe__report_setup *setup, int fd, unsigned flags)
{
	int err;

	if (!mcsafe__is_writable(fd))
		return -EBADF;
	err = mcsafe__child_prepare(&setup->child, fd);
	if (err != 0)
		return err;
	setup->flags = flags;
	setup->write = mcsafe__report_write;
	/* A report without libunwind says that libunwind is missing. */
	if (!(flags & MCSAFE_REPORT_NO_BACKTRACE))
		(void)mcsafe__warm_up_unwinder();
	for (size_t i = 0; i < MCSAFE__REPORTERS; i++) {
		atomic_store(&mcsafe__reported[i], 0);
		atomic_store(&mcsafe__reporter[i], 0);
	}
	atomic_store(&mcsafe__report_wanted, true);
	return 0;
}

static int turn_off(struct mcsafe__report_setup *setup)
{
	atomic_store(&mcsafe__report_wanted, false);
	mcsafe__child_let_go(&setup->child);
	return 0;
}

int mcsafe_set_report(int fd, unsigned flags)
{
	struct mcsafe__section section;
	int err;

	if ((flags & ~(unsigned)MCSAFE_REPORT_NO_BACKTRACE) != 0)
		return -EINVAL;
	mcsafe__control_enter(&section);
	err = fd == -1 ? turn_off(&mcsafe__report_setup)
		       : turn_on(&mcsafe__report_setup, fd, flags);
	mcsafe__control_leave(&section);
	return err;
}

#define ROOM_MAX ((size_t)1 << 20) /* so that their number fits into an int */

struct room {
	void **frames;
	size_t n, used;
};

static bool keep_frame(const struct mcsafe__frame *frame, void *arg)
{
	struct room *room = arg;

	room->frames[room->used++] = (void *)frame->ip;
	return room->used < room->n;
}

int mcsafe_backtrace(const void *ctx, void **frames, size_t n)
{
	struct room room = {frames, n < ROOM_MAX ? n : ROOM_MAX, 0};
	MCSAFE__KEEP_ERRNO();
	int err = 0;

	if (n != 0)
		err = mcsafe__warm_up_unwinder();
	if (n != 0 && err == 0)
		err = mcsafe__backtrace(ctx, false, keep_frame, &room);
	return err != 0 ? err : (int)room.used;
}
