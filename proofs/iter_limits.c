/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iter_limits.c
 *
 * function: mcsafe_iter_truncate, mcsafe_iter_reexpand
 * property: the count becomes exactly n or stays; pos <= end <= total
 * loops: none
 * break: src/iter/position.c s/n < mcsafe__iter_left(it)/n > mcsafe__iter_left(it)/
 * break: src/iter/position.c s/n > it->total - it->pos/n > it->total/
 */
#include "proof.h"

#include "../src/iter/position.c"

void proof(void)
{
	struct mcsafe_iter it;
	size_t n = nondet_size(), m = nondet_size(), left, pos;
	int err;

	it.pos = nondet_size();
	it.end = nondet_size();
	it.total = nondet_size();
	SUPPOSE(it.pos <= it.end && it.end <= it.total && it.total <= SIZE_MAX / 2);
	pos = it.pos;
	left = it.end - it.pos;

	mcsafe_iter_truncate(&it, n);
	PROVE(mcsafe_iter_count(&it) == (n < left ? n : left));
	left = mcsafe_iter_count(&it);
	err = mcsafe_iter_reexpand(&it, m);
	PROVE((err == 0) == (m <= it.total - pos));
	PROVE(err == 0 || err == -EINVAL);
	PROVE(mcsafe_iter_count(&it) == (err == 0 ? m : left));
	PROVE(it.pos == pos && it.pos <= it.end && it.end <= it.total);
	END();
}
