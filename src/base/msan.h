/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * msan.h - tell MemorySanitizer what it cannot see: what assembly and foreign libraries write
 *
 * MemorySanitizer keeps a shadow of all memory, which says what has been initialized, and which only
 * code that clang has compiled with -fsanitize=memory keeps up to date. In all other builds nothing
 * of this is there.
 */
#ifndef MCSAFE_SRC_MSAN_H
#define MCSAFE_SRC_MSAN_H

#include <stddef.h>

#if defined(__has_feature)
# if __has_feature(memory_sanitizer)
#  define MCSAFE_MSAN 1
# endif
#endif

#ifdef MCSAFE_MSAN

# include <sanitizer/msan_interface.h>

/* [dst, dst + n) has been copied from src: what was not initialized there is not initialized here. */
static inline void mcsafe__msan_copied(void *dst, const void *src, size_t n)
{
	__msan_copy_shadow(dst, src, n);
}

/* [p, p + n) has been written. */
static inline void mcsafe__msan_written(const void *p, size_t n)
{
	__msan_unpoison(p, n);
}

/* What is not initialized in [p, p + n) decides what is in [result, result + size). */
static inline void mcsafe__msan_decided(void *result, size_t size, const void *p, size_t n)
{
	if (__msan_test_shadow(p, n) >= 0)
		__msan_poison(result, size);
}

static inline void mcsafe__msan_written_string(const char *s)
{
	__msan_unpoison_string(s);
}

/* Around calls of a library that is not instrumented, and that calls libc with memory of its own. */
static inline void mcsafe__msan_foreign_begin(void)
{
	__msan_scoped_disable_interceptor_checks();
}

static inline void mcsafe__msan_foreign_end(void)
{
	__msan_scoped_enable_interceptor_checks();
}

/* A function that assembly, or a library that is not instrumented, calls: where the shadow of its
 * arguments should be is that of an older call. */
# define MCSAFE_MSAN_CALLED_FROM_OUTSIDE __attribute__((no_sanitize("memory")))

#else

static inline void mcsafe__msan_copied(void *dst, const void *src, size_t n)
{
	(void)dst;
	(void)src;
	(void)n;
}

static inline void mcsafe__msan_written(const void *p, size_t n)
{
	(void)p;
	(void)n;
}

static inline void mcsafe__msan_decided(void *result, size_t size, const void *p, size_t n)
{
	(void)result;
	(void)size;
	(void)p;
	(void)n;
}

static inline void mcsafe__msan_written_string(const char *s)
{
	(void)s;
}

static inline void mcsafe__msan_foreign_begin(void)
{
}

static inline void mcsafe__msan_foreign_end(void)
{
}

# define MCSAFE_MSAN_CALLED_FROM_OUTSIDE

#endif

#endif /* MCSAFE_SRC_MSAN_H */
