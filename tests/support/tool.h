/* SPDX-License-Identifier: BSD-3-Clause */
/* tool.h - whether a slow tool runs this program, and how much of a long test is left out */
#ifndef MCSAFE_TESTS_TOOL_H
#define MCSAFE_TESTS_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sanitizer.h"

/* Valgrind preloads a library of its own. */
static inline bool t_with_valgrind(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

/* Valgrind cannot tell the registers of REP MOVSB at a fault, so where it stopped is unknown. */
static inline bool t_tool_cannot(const char *engine)
{
	return t_with_valgrind() && strstr(engine, "erms") != NULL;
}

/*
 * The stride of a long test: do one trial in that many, without such a tool, with a sanitizer, and
 * with valgrind. 1 with MCSAFE_FULL=1. Use a prime, so that every distance, alignment and length
 * has its turn. A stride above 1 is printed, because what is left out must be visible.
 */
static inline size_t t_part(size_t natively, size_t with_sanitizer, size_t with_valgrind)
{
	const char *full = getenv("MCSAFE_FULL");
	bool valgrind = t_with_valgrind();
	size_t stride = valgrind ? with_valgrind : T_SANITIZER ? with_sanitizer : natively;

	if (stride == 1 || (full != NULL && strcmp(full, "1") == 0))
		return 1;
	printf("thinned out for %s: one in %zu\n",
	       valgrind      ? "valgrind"
	       : T_SANITIZER ? "a sanitizer"
			     : "speed",
	       stride);
	return stride;
}

/* The same for a test that is thinned out for such tools only. */
static inline size_t t_stride(size_t with_sanitizer, size_t with_valgrind)
{
	return t_part(1, with_sanitizer, with_valgrind);
}

#endif /* MCSAFE_TESTS_TOOL_H */
