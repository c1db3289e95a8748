/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iter_piece.c
 *
 * function: mcsafe__iter_piece, mcsafe__iter_step (position.h)
 * property: the rest of the segment at the position, or of the iterator; a step leads on in it
 * loops: bounded, up to 3 segments, at any position
 * unwind: 5
 * break: src/iter/position.h s/segment.len <= it->seg_offset/segment.len < it->seg_offset/
 * break: src/iter/position.h s/it->seg_offset = 0;$/;/
 * break: src/iter/position.h s/= segment.base + it->seg_offset/= segment.base/
 * break: src/iter/position.h s/< piece.len)/> piece.len)/
 * break: src/iter/position.h s/it->seg_offset += n;/it->seg_offset = n;/
 * break: src/iter/position.h s/(uintptr_t)it->of.buf + it->pos/(uintptr_t)it->of.buf/
 */
#include "any_iter.h"

void proof(void)
{
	struct mcsafe_iter it = any_iter(), old = it;
	struct mcsafe__piece piece = mcsafe__iter_piece(&it);
	size_t left = old.end - old.pos, n = nondet_size();

	PROVE(it.pos == old.pos && it.end == old.end && it.total == old.total);
	PROVE((piece.len == 0) == (left == 0));
	PROVE(piece.len <= left);
	if (!mcsafe__iter_has_segments(&it)) {
		PROVE(piece.len == left);
		PROVE(piece.base ==
		      (it.flavour == MCSAFE__UBUF ? (uintptr_t)it.of.buf + it.pos : 0));
		REACH();
	} else if (left != 0) {
		struct iovec at = iov[it.seg];
		size_t before = 0;

		PROVE(it.seg >= old.seg && it.seg < it.nr_segs);
		for (size_t i = 0; i < it.seg; i++)
			before += iov[i].iov_len;
		PROVE(before + it.seg_offset == it.pos && it.seg_offset < at.iov_len);
		PROVE(piece.base == (uintptr_t)at.iov_base + it.seg_offset);
		PROVE(piece.len == left || piece.len == at.iov_len - it.seg_offset);
		PROVE(piece.len <= at.iov_len - it.seg_offset);

		/* After a step the position is one that any_iter() allows. */
		SUPPOSE(n <= piece.len);
		mcsafe__iter_step(&it, n);
		PROVE(it.pos == old.pos + n && it.pos <= it.end);
		PROVE(before + it.seg_offset == it.pos && it.seg_offset <= at.iov_len);
		REACH();
	}
	END();
}
