/* SPDX-License-Identifier: BSD-3-Clause */
/* basics.h - sizes of pages, and the length of an array; usable without the rest of the kit */
#ifndef MCSAFE_TESTS_BASICS_H
#define MCSAFE_TESTS_BASICS_H

#include <stddef.h>

#define T_PAGE ((size_t)4096)
#define T_HUGE ((size_t)2 << 20) /* a huge page */

#define T_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#endif /* MCSAFE_TESTS_BASICS_H */
