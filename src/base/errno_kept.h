/* SPDX-License-Identifier: BSD-3-Clause */
/* errno_kept.h - keep errno in a function that calls others */
#ifndef MCSAFE_SRC_BASE_ERRNO_KEPT_H
#define MCSAFE_SRC_BASE_ERRNO_KEPT_H

#include <errno.h>

/*
 * clang assumes that malloc(3) and free(3) leave errno alone, and drops a store to errno that seems
 * to change nothing. The empty assembly statement hides from clang what errno holds.
 */
static inline void mcsafe__errno_restore(const int *saved)
{
	__asm__ __volatile__("" : : : "memory");
	errno = *saved;
}

/* A declaration. When its block is left, in any way, errno gets the value that it had here. */
#define MCSAFE__KEEP_ERRNO() \
 const int mcsafe__saved_errno __attribute__((cleanup(mcsafe__errno_restore), unused)) = errno

#endif /* MCSAFE_SRC_BASE_ERRNO_KEPT_H */
