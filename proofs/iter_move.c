/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iter_move.c
 *
 * function: mcsafe_iter_advance, _revert, _save, _restore
 * property: the position is the bytes before it; exactly what does not fit is refused
 * loops: bounded, up to 2 segments
 * unwind: 5
 * break: src/iter/position.c s/if (n > mcsafe__iter_left(it))/if (n > mcsafe__iter_left(it) + 1)/
 * break: src/iter/position.c s/while (n > it->seg_offset) {/while (n >= it->seg_offset) {/
 * break: src/iter/position.h s/segment.len <= it->seg_offset/segment.len < it->seg_offset/
 * break: src/iter/position.c s/it->seg_offset = saved->seg_offset;/it->seg_offset = 0;/
 * break: src/iter/position.c s/if (n > it->pos)/if (n > it->total)/
 */
#include "proof.h"

#include "iter.h"

#include "../src/iter/init.c"
#include "../src/iter/position.c"

#define SEGMENTS 2

static struct iovec iov[SEGMENTS];

/* The position, as the segments tell it, is `at`. */
static void check(const struct mcsafe_iter *it, size_t at, size_t end)
{
	size_t before = 0;

	PROVE(it->pos == at && it->end == end && at <= end && end <= it->total);
	PROVE(it->seg < it->nr_segs || (it->nr_segs == 0 && it->seg == 0));
	for (size_t i = 0; i < it->seg; i++)
		before += iov[i].iov_len;
	PROVE(before + it->seg_offset == at);
	PROVE(it->nr_segs == 0 || it->seg_offset <= iov[it->seg].iov_len);
}

void proof(void)
{
	struct mcsafe_iter it;
	struct mcsafe_iter_state state;
	size_t n = nondet_size(), go = nondet_size(), back = nondet_size(), at, end;

	SUPPOSE(n <= SEGMENTS);
	for (size_t i = 0; i < SEGMENTS; i++) {
		iov[i].iov_base = NULL;
		iov[i].iov_len = nondet_size();
	}
	SUPPOSE(mcsafe_iter_iovec(&it, MCSAFE_SIDE_SOURCE, iov, n, nondet_size()) == 0);
	end = it.end;
	check(&it, 0, end);

	PROVE((mcsafe_iter_advance(&it, go) == 0) == (go <= end));
	at = go <= end ? go : 0;
	check(&it, at, end);
	mcsafe_iter_save(&it, &state);
	PROVE((mcsafe_iter_revert(&it, back) == 0) == (back <= at));
	check(&it, back <= at ? at - back : at, end);
	PROVE(mcsafe_iter_restore(&it, &state) == 0);
	check(&it, at, end);
	END();
}
