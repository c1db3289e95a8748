/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_by.c
 *
 * function: copy_by, copy_by_rep_movsb, copy_past_caches
 * property: each n has the routine of the table; pieces are exactly n; REP MOVSB gets lines
 * loops: none
 * break: src/copy/copy.c s/tail = MCSAFE__LINE + /tail = /
 * break: src/copy/copy.c s/head = -(uintptr_t)src/head = -(uintptr_t)dst/
 * break: src/copy/copy.c s/middle = n - head - tail/middle = n - tail/
 * break: src/copy/copy.c s/return left + tail;/return left;/
 * break: src/copy/copy.c s/return left + middle + tail;/return left + middle;/
 * break: src/copy/copy.c s/n >= MCSAFE__NT_NEVER_BELOW/n > MCSAFE__NT_NEVER_BELOW/
 * break: src/copy/copy.c s/n >= mcsafe__cpu_cache_size()/n > mcsafe__cpu_cache_size()/
 * break: src/copy/copy.c s/: 4 \* MCSAFE__LINE/: 2 * MCSAFE__LINE/
 * break: src/copy/copy.c s/src + n - left, left, stopped)/src + n - left, n, stopped)/
 */
#include "proof.h"

#include <stdlib.h>

#include "../src/copy/copy.c"

#define LINE    ((size_t)64)
#define LARGEST ((size_t)1 << 52) /* of an object in CBMC; addresses of programs have 47 bits */

static char *to, *from;
static size_t all, done, cache;
static enum { NOTHING, COPY, STRINGS, PAST_CACHES } first;
static bool stopped;

/* Any routine: copies any number of bytes, in order, where the last one has stopped. */
static size_t routine(int which, void *dst, const void *src, size_t n)
{
	size_t left = nondet_size();

	if (first == NOTHING && n != 0)
		first = which;
	PROVE(!stopped && dst == to + done && src == from + done && n <= all - done);
	SUPPOSE(left <= n);
	done += n - left;
	stopped = left != 0;
	return left;
}

static size_t copy(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	(void)fault;
	return routine(COPY, dst, src, n);
}

static size_t copy_nt(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	size_t left = routine(PAST_CACHES, dst, src, n);

	PROVE(fault != NULL);
	fault->side = nondet_bool() ? MCSAFE_SIDE_NONE : MCSAFE_SIDE_DESTINATION;
	/* The cause is gone: somebody has to copy the rest. */
	if (left != 0 && fault->side == MCSAFE_SIDE_NONE)
		stopped = false;
	return left;
}

size_t mcsafe__copy_erms(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	(void)fault;
	/* Whole lines; and the line after them is still the caller's. */
	PROVE((uintptr_t)src % LINE == 0 && n % LINE == 0 && n != 0);
	PROVE(n + LINE <= all - done);
	REACH();
	if (first == NOTHING || first == COPY)
		first = NOTHING;
	return routine(STRINGS, dst, src, n);
}

size_t mcsafe__cpu_cache_size(void)
{
	return cache;
}

void proof(void)
{
	struct mcsafe__engine engine = {.copy = copy, .copy_nt = nondet_bool() ? copy_nt : NULL};
	size_t to_skew = nondet_size(), from_skew = nondet_size(), left;
	struct mcsafe_fault fault;
	bool aligned, past, strings;

	all = nondet_size();
	cache = nondet_size();
	engine.rep_movsb = nondet_bool();
	mcsafe__route.long_from = nondet_size();
	SUPPOSE(all <= LARGEST && to_skew < LINE && from_skew < LINE);
	SUPPOSE(mcsafe__route.long_from <= MCSAFE__NT_NEVER_BELOW);
	to = malloc(all + to_skew);
	from = malloc(all + from_skew);
	SUPPOSE(to != NULL && from != NULL);
	to += to_skew;
	from += from_skew;

	left = copy_by(&engine, to, from, all, nondet_bool() ? &fault : NULL);
	PROVE(left == all - done && stopped == (left != 0));
	aligned = to_skew % 32 == 0 && from_skew % 32 == 0;
	past = engine.copy_nt != NULL && all >= (size_t)4 << 20 && all >= cache;
	strings =
		engine.rep_movsb && all >= mcsafe__route.long_from && all >= (aligned ? 4096 : 256);
	if (all != 0 && past)
		PROVE(first == PAST_CACHES);
	else if (all != 0 && strings)
		/* Unless the piece before the first whole line has stopped. */
		PROVE(first == STRINGS || (first == COPY && stopped && done < LINE));
	else if (all != 0)
		PROVE(first == COPY);
	if (past && left == 0)
		REACH();
	if (first == STRINGS && left == 0)
		REACH();
	END();
}
