/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * watched_open.c - open(), openat() and fopen() of the whole process
 *
 * The dynamic linker looks in the program first (ld.so(8)), so that libraries call these functions
 * instead of the C library's. The caller is the object that contains the return address.
 */

/* With it the C library's headers define open() and openat() as inline functions. */
#undef _FORTIFY_SOURCE

#include "watched_open.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define AS(name)      __asm__(name) __attribute__((visibility("default"), noinline))
#define SAME_AS(name) __attribute__((visibility("default"), alias(name)))

/*
 * These have other names in C, because the C library's headers declare the real ones. The variants
 * for large files are the same here.
 */
int watched_open(const char *path, int flags, ...) AS("open");
int watched_open64(const char *path, int flags, ...) __asm__("open64") SAME_AS("open");
int watched_openat(int directory, const char *path, int flags, ...) AS("openat");
int watched_openat64(int directory, const char *path, int flags, ...) __asm__("openat64")
	SAME_AS("openat");
FILE *watched_fopen(const char *path, const char *mode) AS("fopen");
FILE *watched_fopen64(const char *path, const char *mode) __asm__("fopen64") SAME_AS("fopen");

static unsigned kept_from, opened_by;

void watched_open_begin(unsigned refused)
{
	kept_from = refused;
	opened_by = 0;
}

unsigned watched_open_end(void)
{
	kept_from = 0;
	return opened_by;
}

static unsigned caller(const void *return_address)
{
	Dl_info info;

	if (dladdr(return_address, &info) == 0 || info.dli_fname == NULL)
		return OTHERS;
	if (strstr(info.dli_fname, "libmcsafe.so") != NULL)
		return LIBMCSAFE;
	return strstr(info.dli_fname, "libndctl.so") != NULL ? LIBNDCTL : OTHERS;
}

static bool is_refused(const char *path, const void *return_address)
{
	const char *name = strrchr(path, '/');
	unsigned who;

	if (name == NULL || strcmp(name, "/badblocks") != 0)
		return false;
	who = caller(return_address);
	opened_by |= who;
	if ((kept_from & who) == 0)
		return false;
	errno = EACCES;
	return true;
}

/* Without O_CREAT and O_TMPFILE the call has no mode argument. */
int watched_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list arguments;

	if (is_refused(path, __builtin_return_address(0)))
		return -1;
	va_start(arguments, flags);
	if ((flags & (O_CREAT | O_TMPFILE)) != 0)
		mode = va_arg(arguments, mode_t);
	va_end(arguments);
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int watched_openat(int directory, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list arguments;

	if (is_refused(path, __builtin_return_address(0)))
		return -1;
	va_start(arguments, flags);
	if ((flags & (O_CREAT | O_TMPFILE)) != 0)
		mode = va_arg(arguments, mode_t);
	va_end(arguments);
	return (int)syscall(SYS_openat, directory, path, flags, mode);
}

static FILE *real_fopen(const char *path, const char *mode)
{
	FILE *(*function)(const char *, const char *);
	void *found = dlsym(RTLD_NEXT, "fopen");

	memcpy(&function, &found, sizeof(function));
	return function(path, mode);
}

FILE *watched_fopen(const char *path, const char *mode)
{
	return is_refused(path, __builtin_return_address(0)) ? NULL : real_fopen(path, mode);
}
