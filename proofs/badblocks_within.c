/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * badblocks_within.c
 *
 * function: mcsafe__part_within
 * property: the part is what both ranges have, counted from the first; nothing overflows
 * loops: none
 * break: src/badblocks/within.h s/last < begin || first > end/last <= begin || first > end/
 * break: src/badblocks/within.h s/last - first + 1/last - first/
 * break: src/badblocks/within.h s/{first - begin,/{first,/
 * break: src/badblocks/within.h s/if (last > end)/if (last < end)/
 */
#include "proof.h"

#include "../src/badblocks/within.h"

void proof(void)
{
	uintptr_t begin = nondet_size(), end = nondet_size();
	uintptr_t first = nondet_size(), last = nondet_size();
	/* The bytes of both ranges are those from the later first to the earlier last. */
	uintptr_t later = first > begin ? first : begin, earlier = last < end ? last : end;
	struct mcsafe_range part;

	/* A length of 2^64 is no length. */
	SUPPOSE(begin <= end && end - begin != UINTPTR_MAX && first <= last);
	part = mcsafe__part_within(begin, end, first, last);
	if (later > earlier)
		PROVE(part.len == 0 && part.start == 0);
	else
		PROVE(part.start == later - begin && part.len == earlier - later + 1 &&
		      part.len != 0);
	END();
}
