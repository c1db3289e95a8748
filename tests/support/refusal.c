/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * refusal.c - let one call of libc fail that the library makes
 *
 * A sanitizer's own code makes such calls before its memory is set up, and clang links that code
 * into the program, so these functions are built without sanitizers.
 */
#include "refusal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <sys/uio.h>

static _Thread_local unsigned due;     /* 0: none */
static _Thread_local const char *only; /* or NULL: calls of each function count */
static _Thread_local int error_now;
static _Thread_local const char *refused;

void t_refuse(unsigned nth, int error)
{
	t_refuse_only(NULL, nth, error);
}

void t_refuse_only(const char *name, unsigned nth, int error)
{
	only = name;
	error_now = error;
	refused = NULL;
	due = nth;
}

const char *t_refuse_no_more(void)
{
	due = 0;
	return refused;
}

bool t_is_refused(const char *name)
{
	if (due == 0 || (only != NULL && strcmp(name, only) != 0) || --due != 0)
		return false;
	refused = name;
	errno = error_now;
	return true;
}

/* A function whose arguments are always the same. Weak: a test may have a function of its own in
 * the place of one of these. */
#define REFUSABLE(type, name, failure, parameters, ...)                \
 type __real_##name parameters;                                        \
 __attribute__((weak)) type __wrap_##name parameters;                  \
 type __wrap_##name parameters                                         \
 {                                                                     \
  return t_is_refused(#name) ? (failure) : __real_##name(__VA_ARGS__); \
 }

REFUSABLE(void *, malloc, NULL, (size_t n), n)
REFUSABLE(void *, calloc, NULL, (size_t n, size_t each), n, each)
REFUSABLE(void *, realloc, NULL, (void *old, size_t n), old, n)
REFUSABLE(void *, aligned_alloc, NULL, (size_t align, size_t n), align, n)
REFUSABLE(void *, mmap, MAP_FAILED,
	  (void *addr, size_t n, int prot, int flags, int fd, off_t offset), addr, n, prot, flags,
	  fd, offset)
REFUSABLE(int, mprotect, -1, (void *addr, size_t n, int prot), addr, n, prot)
REFUSABLE(int, pkey_mprotect, -1, (void *addr, size_t n, int prot, int key), addr, n, prot, key)
REFUSABLE(int, madvise, -1, (void *addr, size_t n, int advice), addr, n, advice)
REFUSABLE(void *, mremap, MAP_FAILED, (void *from, size_t old_n, size_t n, int flags, void *to),
	  from, old_n, n, flags, to)
REFUSABLE(int, memfd_create, -1, (const char *name, unsigned flags), name, flags)
REFUSABLE(int, mlock2, -1, (const void *addr, size_t n, unsigned flags), addr, n, flags)
REFUSABLE(int, msync, -1, (void *addr, size_t n, int flags), addr, n, flags)
REFUSABLE(int, fstat, -1, (int fd, struct stat *st), fd, st)
REFUSABLE(int, fstatfs, -1, (int fd, struct statfs *fs), fd, fs)
REFUSABLE(int, statx, -1, (int fd, const char *path, int flags, unsigned mask, struct statx *st),
	  fd, path, flags, mask, st)
REFUSABLE(ssize_t, read, -1, (int fd, void *to, size_t n), fd, to, n)
REFUSABLE(ssize_t, pread, -1, (int fd, void *to, size_t n, off_t at), fd, to, n, at)
REFUSABLE(ssize_t, pwrite, -1, (int fd, const void *from, size_t n, off_t at), fd, from, n, at)
REFUSABLE(ssize_t, readlink, -1, (const char *path, char *to, size_t n), path, to, n)
REFUSABLE(char *, realpath, NULL, (const char *path, char *to), path, to)
REFUSABLE(int, access, -1, (const char *path, int mode), path, mode)
REFUSABLE(off_t, lseek, -1, (int fd, off_t at, int whence), fd, at, whence)
REFUSABLE(int, fdatasync, -1, (int fd), fd)
REFUSABLE(int, fallocate, -1, (int fd, int mode, off_t at, off_t n), fd, mode, at, n)
REFUSABLE(FILE *, fopen, NULL, (const char *path, const char *mode), path, mode)
REFUSABLE(FILE *, fdopen, NULL, (int fd, const char *mode), fd, mode)
REFUSABLE(FILE *, fmemopen, NULL, (void *text, size_t n, const char *mode), text, n, mode)
REFUSABLE(int, fputs, EOF, (const char *text, FILE *to), text, to)
REFUSABLE(char *, strdup, NULL, (const char *text), text)
REFUSABLE(void *, dlopen, NULL, (const char *path, int flags), path, flags)
REFUSABLE(void *, dlsym, NULL, (void *handle, const char *name), handle, name)
REFUSABLE(int, dladdr1, 0, (const void *at, void *info, void **more, int flags), at, info, more,
	  flags)
REFUSABLE(int, sigaltstack, -1, (const stack_t *stack, stack_t *old), stack, old)
REFUSABLE(int, sigaction, -1, (int signo, const struct sigaction *action, struct sigaction *old),
	  signo, action, old)
REFUSABLE(int, pthread_key_create, error_now, (pthread_key_t * key, void (*fn)(void *)), key, fn)
REFUSABLE(int, pthread_setspecific, error_now, (pthread_key_t key, const void *value), key, value)
REFUSABLE(int, pthread_create, error_now,
	  (pthread_t * thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg), thread,
	  attr, fn, arg)

/* Functions that take more arguments if others say so. None of the library's calls of open(2) and
 * openat(2) creates a file, and no call has more arguments than these. */
#define REFUSABLE_VARIADIC(name, parameters, real_parameters, ...) \
 int __real_##name real_parameters;                                \
 __attribute__((weak)) int __wrap_##name parameters;               \
 int __wrap_##name parameters                                      \
 {                                                                 \
  return t_is_refused(#name) ? -1 : __real_##name(__VA_ARGS__);    \
 }

REFUSABLE_VARIADIC(open, (const char *path, int flags, unsigned mode),
		   (const char *path, int flags, ...), path, flags, mode)
REFUSABLE_VARIADIC(openat, (int directory, const char *path, int flags, unsigned mode),
		   (int directory, const char *path, int flags, ...), directory, path, flags, mode)
REFUSABLE_VARIADIC(fcntl, (int fd, int command, long arg), (int fd, int command, ...), fd, command,
		   arg)
REFUSABLE_VARIADIC(ioctl, (int fd, unsigned long request, void *arg),
		   (int fd, unsigned long request, ...), fd, request, arg)
REFUSABLE_VARIADIC(prctl, (int option, unsigned long a, unsigned long b, unsigned long c, long d),
		   (int option, ...), option, a, b, c, d)
