/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * msan.h - tell MemorySanitizer what it cannot see: what assembly and foreign libraries write
 *
 * MemorySanitizer keeps a shadow of all memory, which says which bytes have been initialized. Only
 * code that clang compiled with -fsanitize=memory keeps the shadow up to date. In all other builds
 * these functions are empty.
 */
#ifndef MCSAFE_SRC_MSAN_H
#define MCSAFE_SRC_MSAN_H

#include <stddef.h>

#if defined(__has_feature)
# if __has_feature(memory_sanitizer)
#  define MCSAFE__MSAN 1
# endif
#endif

#ifdef MCSAFE__MSAN

# include <sanitizer/msan_interface.h>

/* [dst, dst + n) was copied from src. Copies of bytes that are not initialized are not either. */
static inline void mcsafe__msan_copied(void *dst, const void *src, size_t n)
{
	__msan_copy_shadow(dst, src, n);
}

/* [p, p + n) was written, and is initialized. */
static inline void mcsafe__msan_written(const void *p, size_t n)
{
	__msan_unpoison(p, n);
}

/* [result, result + size) depends on [p, p + n): it is not initialized if a byte of that is not. */
static inline void mcsafe__msan_decided(void *result, size_t size, const void *p, size_t n)
{
	if (__msan_test_shadow(p, n) >= 0)
		__msan_poison(result, size);
}

/* The string s was written, and is initialized. */
static inline void mcsafe__msan_written_string(const char *s)
{
	__msan_unpoison_string(s);
}

/* Around calls of a library that is not instrumented and that passes its own memory to libc. */
static inline void mcsafe__msan_foreign_begin(void)
{
	__msan_scoped_disable_interceptor_checks();
}

static inline void mcsafe__msan_foreign_end(void)
{
	__msan_scoped_enable_interceptor_checks();
}

/* For a function that is called by assembly or by a library that is not instrumented. In the place
 * of the shadow of its arguments is the shadow of an older call. */
# define MCSAFE__MSAN_CALLED_FROM_OUTSIDE __attribute__((no_sanitize("memory")))

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

# define MCSAFE__MSAN_CALLED_FROM_OUTSIDE

#endif

#endif /* MCSAFE_SRC_MSAN_H */
