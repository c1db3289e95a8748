/* SPDX-License-Identifier: BSD-3-Clause */
/* position.c - move an iterator, limit it, remember where it stands */
#include "position.h"

#include <errno.h>
#include <string.h>

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
	memset(state, 0, sizeof(*state));
	state->pos = it->pos;
	state->end = it->end;
	state->total = it->total;
	state->seg = it->seg;
	state->seg_offset = it->seg_offset;
	state->of = it->of.buf;
}

int mcsafe_iter_restore(struct mcsafe_iter *it, const struct mcsafe_iter_state *state)
{
	if (state->of != it->of.buf || state->total != it->total)
		return -EINVAL;
	if (state->pos != it->pos && mcsafe__iter_is_stream(it))
		return -ESPIPE;
	it->pos = state->pos;
	it->end = state->end;
	it->seg = state->seg;
	it->seg_offset = state->seg_offset;
	return 0;
}
