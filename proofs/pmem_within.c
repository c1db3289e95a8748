/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmem_within.c
 *
 * function: mcsafe__range_within
 * property: the part of a range that is in a mapping, or nothing, also at the end of the addresses
 * loops: none
 * break: src/badblocks/within.h s/start + (n - 1))/start + n)/
 * break: src/badblocks/within.h s/last < begin || first > end/last < begin || first >= end/
 * break: src/badblocks/within.h s/last - first + 1/last - first/
 * break: src/badblocks/within.h s/begin + (len - 1)/begin + len/
 */
#include "proof.h"

#include "../src/badblocks/within.h"

void proof(void)
{
	uintptr_t base = nondet_size(), start = nondet_size(), first, last;
	size_t len = nondet_size(), n = nondet_size();
	struct mcsafe_range part;

	/* No range wraps, but each may end where the address space does. */
	SUPPOSE(n != 0 && n - 1 <= UINTPTR_MAX - start);
	SUPPOSE(len == 0 || len - 1 <= UINTPTR_MAX - base);
	part = mcsafe__range_within((const void *)base, len, start, n);
	/* By the first and the last byte that both have. */
	first = start > base ? start : base;
	last = start + (n - 1) < base + (len - 1) ? start + (n - 1) : base + (len - 1);
	if (len == 0 || first > last) {
		PROVE(part.len == 0);
	} else {
		PROVE(part.start == first - base && part.len == last - first + 1);
		REACH();
	}
	END();
}
