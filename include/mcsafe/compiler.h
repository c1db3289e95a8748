/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * compiler.h - attributes of the public declarations
 *
 * In all public headers, a private name ends in one underscore: mcsafe_x_, MCSAFE_X_. No name has
 * two underscores in a row, because C++ reserves such names.
 */
#ifndef MCSAFE_COMPILER_H
#define MCSAFE_COMPILER_H

/*
 * Every public header includes this one before any other, so that these lines are the first that a
 * compiler prints. mcsafe.h then includes nothing else.
 */
#if !defined(__x86_64__) || !defined(__linux__) || defined(__ILP32__)
# error "libmcsafe supports x86-64 (LP64) Linux only"
# define MCSAFE_REFUSED_ 1
#elif defined(__cplusplus) ? __cplusplus < 201103L : __STDC_VERSION__ < 201112L
# error "libmcsafe needs C11 or C++11"
# define MCSAFE_REFUSED_ 1
#else
# include <features.h> /* for __GLIBC__ */
# ifndef __GLIBC__
#  error "libmcsafe needs the GNU C library"
#  define MCSAFE_REFUSED_ 1
# endif
#endif

#define MCSAFE_API __attribute__((visibility("default")))

/* For results that say whether data arrived. Ignoring such a result is a bug. */
#define MCSAFE_NODISCARD __attribute__((warn_unused_result))

/* For functions that are defined in a header. */
#define MCSAFE_INLINE static inline __attribute__((always_inline, unused))

/* For functions that are called only after a fault. They are kept out of hot code. */
#define MCSAFE_COLD __attribute__((cold))

/* For functions that return twice, like setjmp(3). The compiler then keeps no value in a register
 * that the second return would change. */
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
