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

/*
 * Close our duplicate. A number that the program has closed, and opened for another file or without
 * FD_CLOEXEC, is the program's. The same file with FD_CLOEXEC cannot be told from ours.
 */
static void close_ours(int fd, const struct mcsafe__file *file)
{
	if (mcsafe__is_file(fd, file) && (fcntl(fd, F_GETFD) & FD_CLOEXEC))
		close(fd);
}

/* The number changes, since the old one may be the program's by now. */
static int direct_to(struct mcsafe__child_setup *setup, int fd)
{
	struct mcsafe__child_setup old = *setup;
	struct mcsafe__file file;
	int fresh = fcntl(fd, F_DUPFD_CLOEXEC, MCSAFE__FIRST_DESCRIPTOR);
	int err = fresh < 0 ? -errno : mcsafe__file_of(fresh, &file);

	if (err != 0) {
		if (fresh >= 0)
			close(fresh);
		return err;
	}
	setup->file = file;
	setup->fd = fresh;
	/* A descriptor that the program has passed is the program's, whatever its number. */
	if (old.fd != fd)
		close_ours(old.fd, &old.file);
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
	close_ours(fd, &setup->file);
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

/*
 * libunwind keeps a pipe, which must not take the number of a standard descriptor that the program
 * has closed. A descriptor that can be neither read nor written holds the place meanwhile.
 */
static int walk_above_standard(void)
{
	int held[MCSAFE__FIRST_DESCRIPTOR], n = 0, fd, err;

	for (;;) {
		fd = open("/", O_PATH | O_CLOEXEC);
		if (fd < 0 || fd >= MCSAFE__FIRST_DESCRIPTOR)
			break;
		held[n++] = fd;
	}
	if (fd >= 0)
		close(fd);
	err = walk_here();
	while (n > 0)
		close(held[--n]);
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
