/* SPDX-License-Identifier: BSD-3-Clause */
/* position.h - the position of an iterator: flavours, pieces, moving it */
#ifndef MCSAFE_SRC_ITER_POSITION_H
#define MCSAFE_SRC_ITER_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#include <mcsafe/iter.h>

enum mcsafe__flavour {
	MCSAFE__EMPTY = 0, /* an iterator whose memory is all zeros is empty */
	MCSAFE__UBUF,
	MCSAFE__IOVEC,
	MCSAFE__KVEC,
	MCSAFE__BVEC,
	MCSAFE__DISCARD,
	MCSAFE__FD,
	MCSAFE__ZERO, /* the source within mcsafe_iter_zero(); callers have no such iterator */
};

/* A piece of memory that can be accessed by one operation. The address is an integer because it may
 * have any value: in C, NULL + 1 for example is not a pointer. */
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

/* Whether it is a stream: bytes that were written cannot be taken back, and none can be skipped. */
static inline bool mcsafe__iter_is_stream(const struct mcsafe_iter *it)
{
	return it->flavour == MCSAFE__FD && it->of.offset < 0;
}

/* Segment i of an iterator that is known to be of a flavour, or of one with the same segments. */
static inline __attribute__((always_inline)) struct mcsafe__piece
mcsafe__iter_segment_of(const struct mcsafe_iter *it, enum mcsafe__flavour flavour, size_t i)
{
	struct mcsafe__piece segment;

	if (flavour == MCSAFE__BVEC) {
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

static inline struct mcsafe__piece mcsafe__iter_segment(const struct mcsafe_iter *it, size_t i)
{
	return mcsafe__iter_segment_of(it, (enum mcsafe__flavour)it->flavour, i);
}

/*
 * The next piece that is not empty; its length is 0 if nothing is left. Flavours without memory
 * have one piece, whose address is 0. Skips segments that are used up, which does not change the
 * position.
 */
static inline struct mcsafe__piece mcsafe__iter_piece(struct mcsafe_iter *it)
{
	struct mcsafe__piece piece = {0, mcsafe__iter_left(it)};

	if (it->flavour == MCSAFE__UBUF) {
		piece.base = (uintptr_t)it->of.buf + it->pos;
	} else if (mcsafe__iter_has_segments(it) && piece.len != 0) {
		struct mcsafe__piece segment = mcsafe__iter_segment(it, it->seg);

		/* This loop ends: while bytes are left, there is another segment that is
		 * not empty. */
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

/* Advance by n bytes, which must be in the piece that mcsafe__iter_piece() returned last. */
static inline void mcsafe__iter_step(struct mcsafe_iter *it, size_t n)
{
	it->pos += n;
	it->seg_offset += n;
}

/* Get the next piece, and advance past it. False at the end. */
static inline bool mcsafe__iter_next(struct mcsafe_iter *it, struct mcsafe__piece *piece)
{
	*piece = mcsafe__iter_piece(it);
	mcsafe__iter_step(it, piece->len);
	return piece->len != 0;
}

/* Go back by n bytes, which must not be more than it->pos. */
void mcsafe__iter_back(struct mcsafe_iter *it, size_t n);

#endif /* MCSAFE_SRC_ITER_POSITION_H */
