/* SPDX-License-Identifier: BSD-3-Clause */
/* position.h - where an iterator stands: its flavours, its pieces, moving it */
#ifndef MCSAFE_SRC_ITER_POSITION_H
#define MCSAFE_SRC_ITER_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#include <mcsafe/iter.h>

enum mcsafe__flavour {
	MCSAFE__EMPTY = 0, /* zeroed memory is an empty iterator */
	MCSAFE__UBUF,
	MCSAFE__IOVEC,
	MCSAFE__KVEC,
	MCSAFE__BVEC,
	MCSAFE__DISCARD,
	MCSAFE__FD,
	MCSAFE__ZERO, /* the source of mcsafe_iter_zero(); never seen by a caller */
};

/* A piece of memory that can be accessed in one go. Addresses are integers since they may be
 * anything: NULL + 1, say, is no pointer in C. */
struct mcsafe__piece {
	uintptr_t base;
	size_t len;
};

static inline size_t mcsafe__iter_left(const struct mcsafe_iter *it)
{
	return it->end - it->pos;
}

static inline bool mcsafe__iter_has_segments(const struct mcsafe_iter *it)
{
	return it->flavour == MCSAFE__IOVEC || it->flavour == MCSAFE__KVEC ||
	       it->flavour == MCSAFE__BVEC;
}

static inline bool mcsafe__iter_has_memory(const struct mcsafe_iter *it)
{
	return it->flavour == MCSAFE__UBUF || mcsafe__iter_has_segments(it);
}

/* What goes into it cannot be taken back, and nothing can be left out. */
static inline bool mcsafe__iter_is_stream(const struct mcsafe_iter *it)
{
	return it->flavour == MCSAFE__FD && it->of.offset < 0;
}

static inline struct mcsafe__piece mcsafe__iter_segment(const struct mcsafe_iter *it, size_t i)
{
	struct mcsafe__piece segment;

	if (it->flavour == MCSAFE__BVEC) {
		const struct mcsafe_bvec *bvec = &it->of.bvec[i];

		segment.len = bvec->len;
		segment.base = 0;
		if (bvec->len != 0)
			segment.base = (uintptr_t)bvec->region->base + bvec->offset;
	} else {
		segment.base = (uintptr_t)it->of.iov[i].iov_base;
		segment.len = it->of.iov[i].iov_len;
	}
	return segment;
}

/*
 * The next piece that is not empty, of length 0 if nothing is left. Flavours without memory give
 * one piece with no address. Passes over segments that are used up, which does not change the
 * position.
 */
static inline struct mcsafe__piece mcsafe__iter_piece(struct mcsafe_iter *it)
{
	struct mcsafe__piece piece = {0, mcsafe__iter_left(it)};

	if (it->flavour == MCSAFE__UBUF) {
		piece.base = (uintptr_t)it->of.buf + it->pos;
	} else if (mcsafe__iter_has_segments(it) && piece.len != 0) {
		struct mcsafe__piece segment = mcsafe__iter_segment(it, it->seg);

		/* Ends: while bytes are left, a segment that is not empty comes. */
		while (segment.len <= it->seg_offset) {
			it->seg_offset = 0;
			segment = mcsafe__iter_segment(it, ++it->seg);
		}
		piece.base = segment.base + it->seg_offset;
		if (segment.len - it->seg_offset < piece.len)
			piece.len = segment.len - it->seg_offset;
	}
	return piece;
}

/* Go on by n bytes, which must lie in the piece that mcsafe__iter_piece() gave last. */
static inline void mcsafe__iter_step(struct mcsafe_iter *it, size_t n)
{
	it->pos += n;
	it->seg_offset += n;
}

/* Give the next piece, and pass over it; false at the end. */
static inline bool mcsafe__iter_next(struct mcsafe_iter *it, struct mcsafe__piece *piece)
{
	*piece = mcsafe__iter_piece(it);
	mcsafe__iter_step(it, piece->len);
	return piece->len != 0;
}

/* Go back by n bytes, which must not be more than it->pos. */
void mcsafe__iter_back(struct mcsafe_iter *it, size_t n);

#endif /* MCSAFE_SRC_ITER_POSITION_H */
