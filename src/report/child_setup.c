/* SPDX-License-Identifier: BSD-3-Clause */
/* child_setup.c - prepare the stack and the descriptor of a child that writes a report */
#include "child_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "report.h"

#define CHILD_STACK      ((size_t)256 * 1024) /* libunwind keeps a path and two cursors there */
#define FIRST_DESCRIPTOR 3                    /* above those that every program has */

bool mcsafe__is_writable(int fd)
{
	int mode = fcntl(fd, F_GETFL);

	return mode >= 0 && (mode & O_ACCMODE) != O_RDONLY;
}

static int map_stack(struct mcsafe__child_setup *setup)
{
	char *stack;

	if (setup->stack_end != NULL)
		return 0;
	stack = mmap(NULL, CHILD_STACK, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	if (stack == MAP_FAILED)
		return -errno;
	setup->stack_end = stack + CHILD_STACK;
	return 0;
}

/* The number stays the same, since a handler may be using it. */
static int direct_to(struct mcsafe__child_setup *setup, int fd)
{
	if (setup->fd >= 0)
		return dup3(fd, setup->fd, O_CLOEXEC) < 0 ? -errno : 0;
	setup->fd = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR);
	return setup->fd < 0 ? -errno : 0;
}

int mcsafe__child_prepare(struct mcsafe__child_setup *setup, int fd)
{
	int err = map_stack(setup);

	return err != 0 ? err : direct_to(setup, fd);
}

int mcsafe__child_let_go(struct mcsafe__child_setup *setup, int *dup_error)
{
	int null;

	*dup_error = 0;
	if (setup->fd < 0)
		return 0;
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null < 0)
		return -errno;
	*dup_error = direct_to(setup, null);
	close(null);
	return 0;
}

static bool ignore_frame(const struct mcsafe__frame *frame, void *arg)
{
	(void)frame;
	(void)arg;
	return true;
}

int mcsafe__warm_up_unwinder(void)
{
	ucontext_t here;

	if (getcontext(&here) != 0)
		return -errno;
	return mcsafe__backtrace(&here, true, ignore_frame, NULL);
}
