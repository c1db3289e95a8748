/* SPDX-License-Identifier: BSD-3-Clause */
/* errno_kept.h - put errno back as it was, whatever was called in between */
#ifndef MCSAFE_SRC_ERRNO_KEPT_H
#define MCSAFE_SRC_ERRNO_KEPT_H

#include <errno.h>

/*
 * clang takes it that malloc(3) and the like leave errno alone, and so drops a store to it that
 * seems to change nothing. It cannot know what the empty assembly does.
 */
static inline void mcsafe__errno_restore(int saved)
{
	__asm__ __volatile__("" : : : "memory");
	errno = saved;
}

#endif /* MCSAFE_SRC_ERRNO_KEPT_H */
