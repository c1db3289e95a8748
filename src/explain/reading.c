/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reading.c - read a byte of a file in a child, so that the record locks of the process stay
 *
 * When a process closes any descriptor of a file, it loses its record locks of the file (fcntl(2)).
 * The locks belong to a table of descriptors. The child has a table of its own, a copy. It shares
 * the memory, as the child of vfork(2) does: so starting it takes the same time in a large process.
 * The exit status is the answer, because a tool can turn such a child into one with a copy of the
 * memory.
 *
 * Of libc the child calls open, lseek, pread and _exit.
 */
#include "reading.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/msan.h"
#include "base/page.h"
#include "numbers.h"

#if defined(__has_feature)
# if __has_feature(thread_sanitizer)
#  define SHARING 0
# endif
#endif
#if defined(__SANITIZE_THREAD__) && !defined(SHARING)
# define SHARING 0
#endif
#ifndef SHARING
# define SHARING (CLONE_VM | CLONE_VFORK)
#endif

#define CHILD_STACK ((size_t)64 * 1024)

/* Exit statuses. Errors of pread(2) are below. */
#define STATUS_REFUSED 254
#define STATUS_HOLE    255

struct job {
	int fd;
	off_t offset;
};

/* The start of the data at or after a page; -1: there are none. */
static bool is_hole(int fd, off_t offset)
{
	off_t page = (off_t)mcsafe__down((size_t)offset, MCSAFE__PAGE);
	off_t data = lseek(fd, page, SEEK_DATA);

	return data < 0 ? errno == ENXIO : data >= page + (off_t)MCSAFE__PAGE;
}

static int status_of(const struct job *job)
{
	char name[64];
	unsigned char byte;
	ssize_t n;
	int fd;

	(void)mcsafe__append_number(mcsafe__append(name, "/proc/self/fd/"), (unsigned)job->fd, 10);
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return STATUS_REFUSED;
	if (is_hole(fd, job->offset))
		return STATUS_HOLE;
	do
		n = pread(fd, &byte, 1, job->offset);
	while (n < 0 && errno == EINTR);
	return n >= 0 ? 0 : errno < STATUS_REFUSED ? errno : STATUS_REFUSED;
}

MCSAFE__MSAN_CALLED_FROM_OUTSIDE
static int child(void *arg)
{
	_exit(status_of(arg));
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) != pid)
		if (errno != EINTR)
			return MCSAFE__READING_REFUSED;
	if (!WIFEXITED(status) || WEXITSTATUS(status) == STATUS_REFUSED)
		return MCSAFE__READING_REFUSED;
	return WEXITSTATUS(status) == STATUS_HOLE ? MCSAFE__READING_HOLE : WEXITSTATUS(status);
}

/* No handler of the program may run in the child. */
static pid_t start(char *stack, struct job *job)
{
	sigset_t all, saved;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	pid = clone(child, stack + CHILD_STACK, SHARING, job);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	return pid;
}

int mcsafe__reading(int fd, off_t offset)
{
	struct job job = {.fd = fd, .offset = offset};
	void *stack = mmap(NULL, CHILD_STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	int result = MCSAFE__READING_REFUSED;
	pid_t pid;

	if (stack == MAP_FAILED)
		return result;
	pid = start(stack, &job);
	if (pid > 0)
		result = wait_for(pid);
	munmap(stack, CHILD_STACK);
	return result;
}
