/* SPDX-License-Identifier: BSD-3-Clause */
/* match.h - search good memory: a copy, which the caller owns */
#ifndef MCSAFE_PYTHON_MATCH_H
#define MCSAFE_PYTHON_MATCH_H

#include <stddef.h>

/* So many bytes past the text must be readable. They do not change the result. */
enum { MATCH_SLACK = 16 };

struct needle {
	const char *text;
	size_t len; /* 1 or more */
};

/* The index of the first match in n bytes of text. SIZE_MAX: there is none. */
size_t match_first(const struct needle *needle, const char *text, size_t n);

/* The index of the last match that starts in the first `starts` bytes. */
size_t match_last(const struct needle *needle, const char *text, size_t n, size_t starts);

#endif /* MCSAFE_PYTHON_MATCH_H */
