/* SPDX-License-Identifier: BSD-3-Clause */
/* linear.c - copy between one range of memory and an iterator over memory: the common case */
#include "transfer.h"

#include <mcsafe/copy.h>

/* The position after `moved` bytes, which end at an offset of a segment. */
static inline size_t stop(struct mcsafe_iter *it, size_t seg, size_t at, size_t moved)
{
	it->seg = seg;
	it->seg_offset = at;
	return moved;
}

static inline __attribute__((always_inline)) size_t
copy_piece(uintptr_t here, uintptr_t there, size_t n, bool to, struct mcsafe_fault *fault)
{
	return to ? mcsafe_memcpy((void *)here, (const void *)there, n, fault)
		  : mcsafe_memcpy((void *)there, (const void *)here, n, fault);
}

/*
 * A loop over the segments, with the position in registers. The general loop (copy.c) works out two
 * pieces and moves two iterators for each segment, which takes longer than a short copy. So each
 * flavour and direction has a loop of its own here, made by inlining this one.
 */
static inline __attribute__((always_inline)) size_t
copy_segments(struct mcsafe_iter *it, enum mcsafe__flavour flavour, uintptr_t linear, size_t n,
	      bool to, struct mcsafe_fault *fault)
{
	size_t seg = it->seg, at = it->seg_offset, rest = n, left;

	for (;;) {
		struct mcsafe__piece segment = mcsafe__iter_segment_of(it, flavour, seg);
		size_t len = segment.len - at;

		if (len >= rest)
			break;
		left = copy_piece(segment.base + at, linear, len, to, fault);
		if (__builtin_expect(left != 0, 0))
			return stop(it, seg, at + len - left, n - rest + len - left);
		linear += len;
		rest -= len;
		seg++;
		at = 0;
	}
	left = copy_piece(mcsafe__iter_segment_of(it, flavour, seg).base + at, linear, rest, to,
			  fault);
	return stop(it, seg, at + rest - left, n - left);
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
	else if (it->flavour == MCSAFE__BVEC)
		n = to ? copy_segments(it, MCSAFE__BVEC, linear, n, true, fault)
		       : copy_segments(it, MCSAFE__BVEC, linear, n, false, fault);
	else
		n = to ? copy_segments(it, MCSAFE__IOVEC, linear, n, true, fault)
		       : copy_segments(it, MCSAFE__IOVEC, linear, n, false, fault);
	it->pos += n;
	return n;
}
