/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iter_iovec.c
 *
 * function: mcsafe_iter_iovec
 * property: -EINVAL for a bad side, segment or sum; else the count is min(count, total)
 * loops: bounded, up to 3 segments
 * unwind: 5
 * break: src/iter/init.c s/lengths->seen |= len | lengths->total/lengths->seen |= lengths->total/
 * break: src/iter/init.c s/wraps |= mcsafe__wraps/wraps = mcsafe__wraps/
 * break: src/iter/init.c s/count < total ? count : total/total/
 */
#include "proof.h"

#include "../src/iter/init.c"

#define SEGMENTS 3

void proof(void)
{
	struct iovec iov[SEGMENTS];
	struct mcsafe_iter it;
	size_t n = nondet_size(), count = nondet_size();
	int side = nondet_int(), err;
	unsigned __int128 total = 0;
	bool good = side == MCSAFE_SIDE_SOURCE || side == MCSAFE_SIDE_DESTINATION;

	SUPPOSE(n <= SEGMENTS);
	for (size_t i = 0; i < SEGMENTS; i++) {
		iov[i].iov_base = (void *)nondet_size();
		iov[i].iov_len = nondet_size();
		if (i >= n)
			continue;
		total += iov[i].iov_len;
		if ((unsigned __int128)(uintptr_t)iov[i].iov_base + iov[i].iov_len > UINTPTR_MAX)
			good = false;
	}
	if (total > SSIZE_MAX)
		good = false;
	err = mcsafe_iter_iovec(&it, (enum mcsafe_side)side, iov, n, count);
	PROVE(err == (good ? 0 : -EINVAL));
	PROVE(it.pos == 0 && it.seg == 0 && it.seg_offset == 0 && it.error == 0);
	if (good)
		PROVE(it.total == total && it.end == (count < total ? count : total));
	else
		PROVE(it.end == 0 && it.total == 0);
	END();
}
