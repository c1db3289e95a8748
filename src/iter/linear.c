/* SPDX-License-Identifier: BSD-3-Clause */
/* linear.c - copy between one range of memory and an iterator over memory: the common case */
#include "transfer.h"

#include <mcsafe/copy.h>

/*
 * A loop over the segments, with the position in registers. The general loop (copy.c) works out two
 * pieces and moves two iterators for each segment, which takes longer than a short copy.
 */
static inline __attribute__((always_inline)) size_t copy_segments(struct mcsafe_iter *it,
								  uintptr_t linear, size_t n,
								  bool to,
								  struct mcsafe_fault *fault)
{
	size_t seg = it->seg, at = it->seg_offset, moved = 0;

	for (;;) {
		struct mcsafe__piece segment = mcsafe__iter_segment(it, seg);
		size_t len = segment.len - at, left;
		uintptr_t here = segment.base + at, there = linear + moved;

		if (len > n - moved)
			len = n - moved;
		left = to ? mcsafe_memcpy((void *)here, (const void *)there, len, fault)
			  : mcsafe_memcpy((void *)there, (const void *)here, len, fault);
		at += len - left;
		moved += len - left;
		if (left != 0 || moved == n)
			break;
		seg++;
		at = 0;
	}
	it->seg = seg;
	it->seg_offset = at;
	return moved;
}

static size_t copy_buffer(struct mcsafe_iter *it, uintptr_t linear, size_t n, bool to,
			  struct mcsafe_fault *fault)
{
	uintptr_t here = (uintptr_t)it->of.buf + it->pos;

	return n - (to ? mcsafe_memcpy((void *)here, (const void *)linear, n, fault)
		       : mcsafe_memcpy((void *)linear, (const void *)here, n, fault));
}

size_t mcsafe__transfer_linear(struct mcsafe_iter *it, uintptr_t linear, size_t n,
			       struct mcsafe_fault *fault)
{
	bool to = it->side == MCSAFE_SIDE_DESTINATION;

	if (n == 0)
		return 0;
	if (it->flavour == MCSAFE__UBUF)
		n = copy_buffer(it, linear, n, to, fault);
	else if (to)
		n = copy_segments(it, linear, n, true, fault);
	else
		n = copy_segments(it, linear, n, false, fault);
	it->pos += n;
	return n;
}
