/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory.c - calls that put something else in the place of a mapping
 *
 * They wait while a page is replaced. Otherwise a stand-in could take the place of memory that the
 * program has mapped between the fault and its answer.
 */
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "run/inside/inside.h"

/* libc's names of parameters begin with underscores. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

/* Constructors of other libraries may call these before that of this library has run. */
static bool lock(sigset_t *mask)
{
	if (inside_process == NULL)
		return false;
	inside_lock(mask);
	return true;
}

INSIDE_EXPORT int munmap(void *at, size_t n)
{
	sigset_t mask;
	bool locked = lock(&mask);
	int result = INSIDE_NEXT(munmap)(at, n);

	if (locked)
		inside_unlock(&mask);
	return result;
}

/* Without MAP_FIXED, the kernel chooses a free place. */
static void *map(__typeof__(&mmap) call, void *at, size_t n, int prot, int flags, int fd,
		 off_t offset)
{
	sigset_t mask;
	bool locked = (flags & MAP_FIXED) != 0 && lock(&mask);
	void *result = call(at, n, prot, flags, fd, offset);

	if (locked)
		inside_unlock(&mask);
	return result;
}

INSIDE_EXPORT void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
	return map(INSIDE_NEXT(mmap), at, n, prot, flags, fd, offset);
}

INSIDE_EXPORT void *mmap64(void *at, size_t n, int prot, int flags, int fd, off64_t offset)
{
	return map(INSIDE_NEXT(mmap64), at, n, prot, flags, fd, offset);
}

INSIDE_EXPORT void *mremap(void *at, size_t old, size_t n, int flags, ...)
{
	void *result, *to = NULL;
	sigset_t mask;
	va_list args;
	bool locked;

	va_start(args, flags);
	if (flags & MREMAP_FIXED)
		to = va_arg(args, void *);
	va_end(args);
	locked = lock(&mask);
	result = INSIDE_NEXT(mremap)(at, old, n, flags, to);
	if (locked)
		inside_unlock(&mask);
	return result;
}

INSIDE_EXPORT int shmdt(const void *at)
{
	sigset_t mask;
	bool locked = lock(&mask);
	int result = INSIDE_NEXT(shmdt)(at);

	if (locked)
		inside_unlock(&mask);
	return result;
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
