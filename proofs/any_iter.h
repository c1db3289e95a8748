/* SPDX-License-Identifier: BSD-3-Clause */
/* any_iter.h - an iterator over a few segments, at any position, for proofs */
#ifndef MCSAFE_PROOFS_ANY_ITER_H
#define MCSAFE_PROOFS_ANY_ITER_H

#include "proof.h"

#include "iter.h"

#include "../src/iter/position.h"

#ifndef SEGMENTS
# define SEGMENTS 3
#endif

static struct iovec iov[SEGMENTS];

/* An iterator as init.c leaves it, at any position that position.c can lead to. */
static struct mcsafe_iter any_iter(void)
{
	struct mcsafe_iter it = {0};
	size_t before = 0;

	it.flavour = nondet_bool() ? MCSAFE__IOVEC : nondet_bool() ? MCSAFE__UBUF : MCSAFE__DISCARD;
	it.total = 0;
	it.nr_segs = nondet_size();
	SUPPOSE(it.nr_segs <= SEGMENTS);
	it.of.iov = iov;
	it.of.buf = (void *)nondet_size();
	for (size_t i = 0; i < it.nr_segs; i++) {
		iov[i].iov_base = (void *)nondet_size();
		iov[i].iov_len = nondet_size();
		SUPPOSE(iov[i].iov_len <= (size_t)SSIZE_MAX - it.total);
		SUPPOSE((uintptr_t)iov[i].iov_base <= UINTPTR_MAX - iov[i].iov_len);
		it.total += iov[i].iov_len;
	}
	if (!mcsafe__iter_has_segments(&it))
		it.total = nondet_size();
	SUPPOSE(it.total <= SSIZE_MAX);
	it.end = nondet_size();
	it.pos = nondet_size();
	SUPPOSE(it.pos <= it.end && it.end <= it.total);
	if (it.flavour == MCSAFE__UBUF)
		SUPPOSE((uintptr_t)it.of.buf <= UINTPTR_MAX - it.total);
	it.seg = nondet_size();
	it.seg_offset = nondet_size();
	if (mcsafe__iter_has_segments(&it)) {
		SUPPOSE(it.seg < it.nr_segs || it.nr_segs == 0);
		for (size_t i = 0; i < it.seg && i < it.nr_segs; i++)
			before += iov[i].iov_len;
		SUPPOSE(it.nr_segs == 0 ? it.seg == 0 && it.seg_offset == 0
					: it.seg_offset <= iov[it.seg].iov_len);
		SUPPOSE(before + it.seg_offset == it.pos);
	}
	return it;
}

#endif /* MCSAFE_PROOFS_ANY_ITER_H */
