/* SPDX-License-Identifier: BSD-3-Clause */
/* tool.h - whether a slow tool runs this program, and how much of a long test is left out then */
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

/* Valgrind cannot give the registers of REP MOVSB at a fault: where it stopped is not known. */
static inline bool t_tool_cannot(const char *engine)
{
	return t_with_valgrind() && strstr(engine, "erms") != NULL;
}

/*
 * One in how many to do: 1 without such a tool, and with MCSAFE_FULL=1. What is left out depends on
 * the tool's speed only; so a prime is a good stride, with which all there is has its turn. Says
 * so, for what is left out is to be seen.
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
