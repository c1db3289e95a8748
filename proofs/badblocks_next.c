/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * badblocks_next.c
 *
 * function: mcsafe_badblocks_next (find.c)
 * property: the first bad byte of the range, and all that follow it in the same bad range; or none
 * loops: bounded, up to 2 parts with 1 or 2 ranges each, without a filter
 * unwind: 4
 * break: src/badblocks/find.c s/if (i == chunk->n) {/if (false) {/
 * break: src/badblocks/find.c s/found.start >= end/found.start > end/
 * break: src/badblocks/find.c s/found.start > start ? found.start : start/found.start/
 * break: src/badblocks/find.c s/found.start + found.len < end ?/found.start + found.len > end ?/
 * break: src/badblocks/find.c s/if (part + 1 == directory->n)/if (true)/
 */
#include "badblocks.h"

static _Atomic size_t readers;

/* Readers are counted for other threads only. */
#define mcsafe__grace_enter real_enter
#define mcsafe__grace_leave real_leave
#include "../src/badblocks/grace.h"
#undef mcsafe__grace_enter
#undef mcsafe__grace_leave

static _Atomic size_t *mcsafe__grace_enter(struct mcsafe__grace *grace)
{
	(void)grace;
	readers++;
	return &readers;
}

static void mcsafe__grace_leave(_Atomic size_t *entered)
{
	PROVE(entered == &readers);
	readers--;
}

#include "../src/badblocks/find.c"

static bool has(struct mcsafe_range range, size_t at)
{
	return range.start <= at && at - range.start < range.len;
}

void proof(void)
{
	static struct mcsafe_badblocks badblocks;
	size_t start = nondet_size(), end = nondet_size(), at = nondet_size();
	struct mcsafe_range bad;
	struct mcsafe__directory *directory;
	bool found, is_bad = false, is_known = false;

	any_registry(&badblocks, 2, 2);
	directory = badblocks.directory;
	found = mcsafe_badblocks_next(&badblocks, start, end, &bad);
	PROVE(readers == 0);
	SUPPOSE(start <= at && at < end);
	for (size_t part = 0; part < directory->n; part++)
		for (size_t i = 0; i < directory->chunks[part]->n; i++) {
			struct mcsafe_range one = directory->chunks[part]->ranges[i];

			is_bad |= has(one, at);
			/* The result is the part of one range. */
			is_known |=
				found && has(one, bad.start) &&
				bad.len == (one.start + one.len < end ? one.start + one.len : end) -
						   bad.start;
		}
	if (!found) {
		PROVE(!is_bad);
		REACH();
	} else {
		PROVE(bad.start >= start && bad.len != 0 && bad.len <= end - bad.start);
		PROVE(is_known);
		PROVE(at >= bad.start || !is_bad);
		REACH();
	}
	END();
}
