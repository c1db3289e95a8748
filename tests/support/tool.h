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
 * The stride of a sweep: do one trial in that many. 1 without such a tool, and with MCSAFE_FULL=1.
 * Use a prime, so that every distance, alignment and length has its turn. A stride above 1 is
 * printed, because what is left out must be visible.
 */
static inline size_t t_stride(size_t with_sanitizer, size_t with_valgrind)
{
	const char *full = getenv("MCSAFE_FULL");
	size_t stride = t_with_valgrind() ? with_valgrind : T_SANITIZER ? with_sanitizer : 1;

	if (stride == 1 || (full != NULL && strcmp(full, "1") == 0))
		return 1;
	printf("thinned out for %s: one in %zu\n", t_with_valgrind() ? "valgrind" : "a sanitizer",
	       stride);
	return stride;
}

#endif /* MCSAFE_TESTS_TOOL_H */
