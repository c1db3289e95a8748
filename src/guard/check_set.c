/* SPDX-License-Identifier: BSD-3-Clause */
/* check_set.c - choose where reports about jumps go, and prepare what they need */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/control.h"
#include "report/report.h"

#define CHILD_STACK ((size_t)256 * 1024) /* libunwind keeps a path and two cursors there */

static int ignore_frame(const struct mcsafe__frame *frame, void *arg)
{
	(void)frame;
	(void)arg;
	return 1;
}

/* One descriptor for the life of the process, as a handler may be using its number. */
static int direct_to(int fd)
{
	struct mcsafe__guard_check_setup *setup = &mcsafe__guard_check_setup;

	if (setup->fd >= 0)
		return dup3(fd, setup->fd, O_CLOEXEC) < 0 ? -errno : 0;
	setup->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return setup->fd < 0 ? -errno : 0;
}

static int map_stack(void)
{
	char *stack;

	if (mcsafe__guard_check_setup.stack_end != NULL)
		return 0;
	stack = mmap(NULL, CHILD_STACK, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	if (stack == MAP_FAILED)
		return -errno;
	mcsafe__guard_check_setup.stack_end = stack + CHILD_STACK;
	return 0;
}

static int turn_on(int fd)
{
	int mode = fcntl(fd, F_GETFL), err;
	ucontext_t here;

	if (mode < 0 || (mode & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	/* libunwind allocates and takes locks when it is used for the first time. */
	err = getcontext(&here) == 0 ? mcsafe__backtrace(&here, 1, ignore_frame, NULL) : -errno;
	if (err == 0)
		err = map_stack();
	if (err == 0)
		err = direct_to(fd);
	if (err == 0)
		atomic_store(&mcsafe__guard_checker, mcsafe__guard_check_jump);
	return err;
}

/* The file is let go, so that whoever reads a pipe sees its end. */
static int turn_off(void)
{
	int null, err;

	atomic_store(&mcsafe__guard_checker, NULL);
	if (mcsafe__guard_check_setup.fd < 0)
		return 0;
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null < 0)
		return -errno;
	err = direct_to(null);
	close(null);
	return err;
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
