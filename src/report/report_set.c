/* SPDX-License-Identifier: BSD-3-Clause */
/* report_set.c - choose where reports go, and prepare what they need */
#include <mcsafe/report.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/control.h"
#include "report.h"
#include "base/errno_kept.h"

#define CHILD_STACK ((size_t)256 * 1024) /* libunwind keeps a path and two cursors there */

static int ignore_frame(const struct mcsafe__frame *frame, void *arg)
{
	(void)frame;
	(void)arg;
	return 1;
}

/* The first use of libunwind allocates and takes locks: better now than in a handler. */
static void warm_up(void)
{
	ucontext_t here;

	if (getcontext(&here) == 0)
		mcsafe__backtrace(&here, 1, ignore_frame, NULL);
}

static int map_stack(struct mcsafe__report_setup *setup)
{
	void *stack;

	if (setup->stack != NULL)
		return 0;
	stack = mmap(NULL, CHILD_STACK, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	if (stack == MAP_FAILED)
		return -errno;
	setup->stack = stack;
	setup->stack_size = CHILD_STACK;
	return 0;
}

/* One descriptor for the life of the process, as a handler may be using its number. */
static int duplicate(struct mcsafe__report_setup *setup, int fd)
{
	struct stat st;

	if (setup->fd < 0)
		setup->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	else if (dup3(fd, setup->fd, O_CLOEXEC) < 0)
		return -errno;
	if (setup->fd < 0 || fstat(setup->fd, &st) != 0)
		return -errno;
	setup->dev = st.st_dev;
	setup->ino = st.st_ino;
	return 0;
}

static int turn_on(struct mcsafe__report_setup *setup, int fd, unsigned flags)
{
	int mode = fcntl(fd, F_GETFL), err;

	if (mode < 0 || (mode & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	err = map_stack(setup);
	if (err == 0)
		err = duplicate(setup, fd);
	if (err != 0)
		return err;
	setup->flags = flags;
	setup->write = mcsafe__report_write;
	if (!(flags & MCSAFE_REPORT_NO_BACKTRACE))
		warm_up();
	atomic_store(&mcsafe__reporter, 0);
	atomic_store(&mcsafe__report_wanted, 1);
	return 0;
}

/* The file is let go, so that whoever reads a pipe sees its end. */
static int turn_off(struct mcsafe__report_setup *setup)
{
	int null;

	atomic_store(&mcsafe__report_wanted, 0);
	if (setup->fd < 0)
		return 0;
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null < 0)
		return -errno;
	dup3(null, setup->fd, O_CLOEXEC);
	close(null);
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

struct room {
	void **frames;
	size_t n, used;
};

static int keep_frame(const struct mcsafe__frame *frame, void *arg)
{
	struct room *room = arg;

	room->frames[room->used++] = (void *)frame->ip;
	return room->used < room->n;
}

int mcsafe_backtrace(const void *ctx, void **frames, size_t n)
{
	struct room room = {frames, n < 1 << 20 ? n : 1 << 20, 0};
	MCSAFE__KEEP_ERRNO();
	int err = 0;

	if (n != 0)
		err = mcsafe__backtrace(ctx, 0, keep_frame, &room);
	return err != 0 ? err : (int)room.used;
}
