/* SPDX-License-Identifier: BSD-3-Clause */
/* compiler.h - attributes of the public declarations, and nothing else */
#ifndef MCSAFE_COMPILER_H
#define MCSAFE_COMPILER_H

#if !defined(__x86_64__) || !defined(__linux__) || defined(__ILP32__)
# error "libmcsafe supports x86-64 (LP64) Linux only"
#endif

#define MCSAFE_API __attribute__((visibility("default")))

/* For results that say whether data arrived: ignoring one is a bug. */
#define MCSAFE_NODISCARD __attribute__((warn_unused_result))

/* A function that is defined in the header, too. */
#define MCSAFE_INLINE static inline __attribute__((always_inline, unused))

/* Called after a fault only: callers keep it out of the way of what is not. */
#define MCSAFE_COLD __attribute__((cold))

/* As setjmp(): the compiler keeps nothing in registers that a second return would find changed. */
#define MCSAFE_RETURNS_TWICE __attribute__((returns_twice))

#ifdef __cplusplus
# define MCSAFE_NOEXCEPT    noexcept
# define MCSAFE_BEGIN_DECLS extern "C" {
# define MCSAFE_END_DECLS   }
#else
# define MCSAFE_NOEXCEPT __attribute__((nothrow))
# define MCSAFE_BEGIN_DECLS
# define MCSAFE_END_DECLS
#endif

#endif /* MCSAFE_COMPILER_H */
