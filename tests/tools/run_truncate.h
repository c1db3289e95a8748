/* SPDX-License-Identifier: BSD-3-Clause */
/* run_truncate.h - truncate a file when a program maps it: what two ways of that have in common */
#ifndef MCSAFE_TESTS_TOOLS_RUN_TRUNCATE_H
#define MCSAFE_TESTS_TOOLS_RUN_TRUNCATE_H

#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * `n` bytes of this file are mapped. If it is the file that MCSAFE_TEST_FILE names, truncate it to
 * MCSAFE_TEST_SIZE bytes. Programs may map the first pages alone to look at a header: that does not
 * count.
 */
static inline void truncate_mapped(const struct stat *mapped, size_t n)
{
	const char *path = getenv("MCSAFE_TEST_FILE"), *size = getenv("MCSAFE_TEST_SIZE");
	struct stat wanted;

	if (path != NULL && size != NULL && stat(path, &wanted) == 0 &&
	    mapped->st_ino == wanted.st_ino && mapped->st_dev == wanted.st_dev &&
	    n > strtoul(size, NULL, 10))
		(void)!truncate(path, strtol(size, NULL, 10));
}

#endif /* MCSAFE_TESTS_TOOLS_RUN_TRUNCATE_H */
