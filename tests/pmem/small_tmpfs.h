/* SPDX-License-Identifier: BSD-3-Clause */
/* small_tmpfs.h - a file system of the test's own, which can be full */
#ifndef MCSAFE_TESTS_PMEM_SMALL_TMPFS_H
#define MCSAFE_TESTS_PMEM_SMALL_TMPFS_H

#include <stdbool.h>
#include <stddef.h>

/* Mount a tmpfs with room for 64 pages, which no other process sees. False: it is not allowed here.
 * No thread may run yet. */
bool small_tmpfs_mount(void);
void small_tmpfs_unmount(void);

/* A new file there: a descriptor. */
int small_tmpfs_file(void);
/* Fill the file system until there is room for so many pages. */
void small_tmpfs_fill(size_t pages_left);
/* The number of pages that can be allocated still. */
size_t small_tmpfs_room(void);

#endif /* MCSAFE_TESTS_PMEM_SMALL_TMPFS_H */
