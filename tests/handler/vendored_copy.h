/* SPDX-License-Identifier: BSD-3-Clause */
/* vendored_copy.h - what the program uses of a plugin that has libmcsafe inside */
#ifndef MCSAFE_TESTS_VENDORED_COPY_H
#define MCSAFE_TESTS_VENDORED_COPY_H

#include <stddef.h>

struct vendored {
	int (*install)(void);
	int (*uninstall)(void);
	size_t (*copy)(void *dst, const void *src, size_t n);
	int (*want_notices)(void);
	size_t (*read_notices)(void); /* how many there were; at most 8 */
};

extern const struct vendored vendored __attribute__((visibility("default")));

#endif /* MCSAFE_TESTS_VENDORED_COPY_H */
