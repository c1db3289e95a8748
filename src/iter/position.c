/* SPDX-License-Identifier: BSD-3-Clause */
/* position.c - move an iterator, limit it, save and restore its position */
#include "position.h"

#include <errno.h>

size_t mcsafe_iter_count(const struct mcsafe_iter *it)
{
	return mcsafe__iter_left(it);
}

int mcsafe_iter_error(const struct mcsafe_iter *it)
{
	return it->error;
}

int mcsafe_iter_advance(struct mcsafe_iter *it, size_t n)
{
	if (n > mcsafe__iter_left(it))
		return -EINVAL;
	if (n != 0 && mcsafe__iter_is_stream(it))
		return -ESPIPE;
	while (n != 0) {
		size_t len = mcsafe__iter_piece(it).len;

		if (len > n)
			len = n;
		mcsafe__iter_step(it, len);
		n -= len;
	}
	return 0;
}

void mcsafe__iter_back(struct mcsafe_iter *it, size_t n)
{
	it->pos -= n;
	if (!mcsafe__iter_has_segments(it))
		return;
	while (n > it->seg_offset) {
		n -= it->seg_offset;
		it->seg_offset = mcsafe__iter_segment(it, --it->seg).len;
	}
	it->seg_offset -= n;
}

int mcsafe_iter_revert(struct mcsafe_iter *it, size_t n)
{
	if (n > it->pos)
		return -EINVAL;
	if (n != 0 && mcsafe__iter_is_stream(it))
		return -ESPIPE;
	mcsafe__iter_back(it, n);
	return 0;
}

void mcsafe_iter_truncate(struct mcsafe_iter *it, size_t n)
{
	if (n < mcsafe__iter_left(it))
		it->end = it->pos + n;
}

int mcsafe_iter_reexpand(struct mcsafe_iter *it, size_t n)
{
	if (n > it->total - it->pos)
		return -EINVAL;
	it->end = it->pos + n;
	return 0;
}

void mcsafe_iter_save(const struct mcsafe_iter *it, struct mcsafe_iter_state *state)
{
	state->saved = *it;
}

static bool is_over_the_same(const struct mcsafe_iter *a, const struct mcsafe_iter *b)
{
	return a->flavour == b->flavour && a->side == b->side && a->fd == b->fd &&
	       a->of.buf == b->of.buf && a->nr_segs == b->nr_segs && a->total == b->total;
}

int mcsafe_iter_restore(struct mcsafe_iter *it, const struct mcsafe_iter_state *state)
{
	const struct mcsafe_iter *saved = &state->saved;

	if (!is_over_the_same(it, saved))
		return -EINVAL;
	if (saved->pos != it->pos && mcsafe__iter_is_stream(it))
		return -ESPIPE;
	it->pos = saved->pos;
	it->end = saved->end;
	it->seg = saved->seg;
	it->seg_offset = saved->seg_offset;
	return 0;
}
