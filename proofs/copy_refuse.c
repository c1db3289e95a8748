/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_refuse.c
 *
 * function: mcsafe__copy_any, mcsafe__memset
 * property: a range that wraps is refused and not accessed; any other goes to one routine
 * loops: none
 * break: src/copy/copy.c s/mcsafe__wraps((uintptr_t)src, n)/mcsafe__wraps((uintptr_t)src, n - 1)/
 * break: src/copy/copy.c s/MCSAFE_SIDE_SOURCE, src, n)/MCSAFE_SIDE_DESTINATION, src, n)/
 * break: src/copy/copy.c s/n >= RELAXED(mcsafe__route.strings/n > RELAXED(mcsafe__route.strings/
 * break: src/base/page.h s/n > UINTPTR_MAX - start/n > UINTPTR_MAX/
 */
#include "proof.h"

#include "../src/copy/copy.c"

static struct mcsafe__engine engine;
static uintptr_t to, from;
static size_t all, left;
static unsigned calls, fills, strings;
static enum mcsafe_side side;

static size_t copy(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	(void)fault;
	PROVE((uintptr_t)dst == to && (uintptr_t)src == from && n == all);
	calls++;
	return left;
}

static size_t set(void *dst, int c, size_t n, struct mcsafe_fault *fault)
{
	(void)c;
	(void)fault;
	PROVE((uintptr_t)dst == to && n == all);
	fills++;
	return left;
}

size_t mcsafe__set_erms(void *dst, int c, size_t n, struct mcsafe_fault *fault)
{
	strings++;
	return set(dst, c, n, fault);
}

void mcsafe__fault_refused(struct mcsafe_fault *fault, enum mcsafe_side refused, const void *start)
{
	(void)fault;
	PROVE((uintptr_t)start == (refused == MCSAFE_SIDE_SOURCE ? from : to));
	side = refused;
}

const struct mcsafe__engine *mcsafe__engine(void)
{
	return &engine;
}

static bool wraps(uintptr_t start)
{
	return (unsigned __int128)start + all > UINTPTR_MAX;
}

void proof(void)
{
	struct mcsafe_fault fault;
	size_t strings_from = nondet_size(), result;

	to = nondet_size();
	from = nondet_size();
	all = nondet_size();
	left = nondet_size();
	SUPPOSE(left <= all);
	engine.copy = copy;
	mcsafe__route.set = set;
	mcsafe__route.strings_from = strings_from;

	if (nondet_bool()) {
		result = mcsafe__copy_any((void *)to, (const void *)from, all, &fault);
		if (wraps(from))
			PROVE(result == all && calls == 0 && side == MCSAFE_SIDE_SOURCE);
		else if (wraps(to))
			PROVE(result == all && calls == 0 && side == MCSAFE_SIDE_DESTINATION);
		else
			PROVE(result == left && calls == 1 && side == MCSAFE_SIDE_NONE);
		REACH();
	} else {
		result = mcsafe__memset((void *)to, 0, all, &fault);
		if (wraps(to))
			PROVE(result == all && fills == 0 && side == MCSAFE_SIDE_DESTINATION);
		else
			PROVE(result == left && fills == 1 && strings == (all >= strings_from));
		REACH();
	}
	END();
}
