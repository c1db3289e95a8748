/* SPDX-License-Identifier: BSD-3-Clause */
/* child_setup.c - prepare the stack and the descriptor of a child that writes a report */
#include "child_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "report.h"

/* libunwind keeps a path and two cursors there. */
#define CHILD_STACK \
 ((size_t)256 * 1024 + (size_t)MCSAFE__CHILD_STACK_ENDS * MCSAFE__CHILD_ARGUMENTS)

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

/* The number changes, since the old one may be the program's by now. */
static int direct_to(struct mcsafe__child_setup *setup, int fd)
{
	struct mcsafe__child_setup old = *setup;
	struct mcsafe__file_id file;
	int fresh = mcsafe__fd_duplicate(fd, &file);

	if (fresh < 0)
		return fresh;
	setup->file = file;
	setup->fd = fresh;
	/* A descriptor that the program has passed is the program's, whatever its number. */
	if (old.fd != fd)
		mcsafe__fd_close(old.fd, &old.file);
	return 0;
}

int mcsafe__child_prepare(struct mcsafe__child_setup *setup, int fd)
{
	int err = map_stack(setup);

	return err != 0 ? err : direct_to(setup, fd);
}

void mcsafe__child_let_go(struct mcsafe__child_setup *setup)
{
	int fd = setup->fd;

	setup->fd = -1;
	mcsafe__fd_close(fd, &setup->file);
}

static bool ignore_frame(const struct mcsafe__frame *frame, void *arg)
{
	(void)frame;
	(void)arg;
	return true;
}

static int walk_here(void)
{
	ucontext_t here;

	if (getcontext(&here) != 0)
		return -errno;
	return mcsafe__backtrace(&here, true, ignore_frame, NULL);
}

/* libunwind keeps a pipe, which must not take the number of a standard descriptor that the program
 * has closed. */
static int walk_above_standard(void)
{
	struct mcsafe__low_fds held;
	int err;

	mcsafe__low_fds_hold(&held);
	err = walk_here();
	mcsafe__low_fds_release(&held);
	return err;
}

int mcsafe__warm_up_unwinder(void)
{
	static _Atomic bool done;
	int err;

	if (atomic_load(&done))
		return 0;
	err = walk_above_standard();
	if (err == 0)
		atomic_store(&done, true);
	return err;
}
