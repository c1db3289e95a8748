/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sanitizer.h - what a test is built with
 *
 * T_ADDRESS_SANITIZER, T_MEMORY_SANITIZER, T_THREAD_SANITIZER, and T_SANITIZER for any of them: 1
 * or 0. gcc tells by macros, clang by __has_feature().
 */
#ifndef T_SANITIZER_H
#define T_SANITIZER_H

#if defined(__has_feature)
# if __has_feature(address_sanitizer)
#  define T_ADDRESS_SANITIZER 1
# elif __has_feature(memory_sanitizer)
#  define T_MEMORY_SANITIZER 1
# elif __has_feature(thread_sanitizer)
#  define T_THREAD_SANITIZER 1
# endif
#elif defined(__SANITIZE_ADDRESS__)
# define T_ADDRESS_SANITIZER 1
#elif defined(__SANITIZE_THREAD__)
# define T_THREAD_SANITIZER 1
#endif

#ifndef T_ADDRESS_SANITIZER
# define T_ADDRESS_SANITIZER 0
#endif
#ifndef T_MEMORY_SANITIZER
# define T_MEMORY_SANITIZER 0
#endif
#ifndef T_THREAD_SANITIZER
# define T_THREAD_SANITIZER 0
#endif
#define T_SANITIZER (T_ADDRESS_SANITIZER || T_MEMORY_SANITIZER || T_THREAD_SANITIZER)

#endif /* T_SANITIZER_H */
