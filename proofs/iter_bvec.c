/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iter_bvec.c
 *
 * function: mcsafe_iter_bvec
 * property: -EINVAL for a bad side, segment, region or sum; else the count is exact
 * loops: bounded, up to 2 segments
 * unwind: 4
 * break: src/iter/init.c s/bvec->offset <= region->len && //
 * break: src/iter/init.c s/bvec->len <= region->len - bvec->offset/bvec->len <= region->len/
 * break: src/iter/init.c s/return bvec->len == 0/return true/
 * break: src/iter/init.c s/return !mcsafe__wraps((uintptr_t)region->base, region->len) &&/return/
 */
#include "proof.h"

#include "iter.h"

#include "../src/iter/init.c"

#define SEGMENTS 2

/* Whether the range is in the region, and the region does not wrap. */
static bool is_good(const struct mcsafe_bvec *bvec)
{
	unsigned __int128 end = (unsigned __int128)bvec->offset + bvec->len;

	if (bvec->region == NULL)
		return bvec->len == 0;
	return (unsigned __int128)(uintptr_t)bvec->region->base + bvec->region->len <=
		       UINTPTR_MAX &&
	       end <= bvec->region->len;
}

void proof(void)
{
	struct mcsafe_region regions[SEGMENTS];
	struct mcsafe_bvec bvec[SEGMENTS];
	struct mcsafe_iter it;
	size_t n = nondet_size(), count = nondet_size();
	int side = nondet_int(), err;
	unsigned __int128 total = 0;
	bool good = side == MCSAFE_SIDE_SOURCE || side == MCSAFE_SIDE_DESTINATION;

	SUPPOSE(n <= SEGMENTS);
	for (size_t i = 0; i < SEGMENTS; i++) {
		regions[i].base = (void *)nondet_size();
		regions[i].len = nondet_size();
		bvec[i].region = nondet_bool() ? NULL : &regions[i];
		bvec[i].offset = nondet_size();
		bvec[i].len = nondet_size();
		if (i >= n)
			continue;
		total += bvec[i].len;
		good = good && is_good(&bvec[i]);
	}
	if (total > SSIZE_MAX)
		good = false;
	err = mcsafe_iter_bvec(&it, (enum mcsafe_side)side, bvec, n, count);
	PROVE(err == (good ? 0 : -EINVAL));
	PROVE(it.pos == 0 && it.seg == 0 && it.seg_offset == 0 && it.error == 0);
	if (good) {
		PROVE(it.total == total && it.end == (count < total ? count : total));
		REACH();
	} else {
		PROVE(it.end == 0 && it.total == 0);
		REACH();
	}
	END();
}
