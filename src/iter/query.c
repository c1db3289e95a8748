/* SPDX-License-Identifier: BSD-3-Clause */
/* query.c - what is left in an iterator: pieces, pages, alignment */
#include "position.h"

#include "base/page.h"

/* A copy of the iterator, to be advanced. It is empty for a flavour without memory. */
static struct mcsafe_iter walker(const struct mcsafe_iter *it)
{
	struct mcsafe_iter walk = *it;

	if (!mcsafe__iter_has_memory(it))
		walk.end = walk.pos;
	return walk;
}

size_t mcsafe_iter_single_seg_count(const struct mcsafe_iter *it)
{
	struct mcsafe_iter walk = *it;

	return mcsafe__iter_piece(&walk).len;
}

size_t mcsafe_iter_nr_segs(const struct mcsafe_iter *it)
{
	struct mcsafe_iter walk = walker(it);
	struct mcsafe__piece piece;
	size_t n = 0;

	while (mcsafe__iter_next(&walk, &piece))
		n++;
	return n;
}

size_t mcsafe_iter_npages(const struct mcsafe_iter *it, size_t maxpages)
{
	struct mcsafe_iter walk = walker(it);
	struct mcsafe__piece piece;
	size_t n = 0;

	while (n < maxpages && mcsafe__iter_next(&walk, &piece)) {
		uintptr_t first = piece.base / MCSAFE__PAGE;
		uintptr_t last = (piece.base + (piece.len - 1)) / MCSAFE__PAGE;

		n += last - first + 1;
	}
	return n < maxpages ? n : maxpages;
}

size_t mcsafe_iter_alignment(const struct mcsafe_iter *it)
{
	struct mcsafe_iter walk = walker(it);
	struct mcsafe__piece piece;
	size_t bits = 0;

	while (mcsafe__iter_next(&walk, &piece))
		bits |= piece.base | piece.len;
	return bits;
}

size_t mcsafe_iter_gap_alignment(const struct mcsafe_iter *it)
{
	struct mcsafe_iter walk = walker(it);
	struct mcsafe__piece before, piece;
	size_t bits = 0;

	if (!mcsafe__iter_next(&walk, &before))
		return 0;
	for (; mcsafe__iter_next(&walk, &piece); before = piece)
		bits |= (before.base + before.len) | piece.base;
	return bits;
}

size_t mcsafe_iter_to_iovec(const struct mcsafe_iter *it, struct iovec *iov, size_t room)
{
	struct mcsafe_iter walk = walker(it);
	struct mcsafe__piece piece;
	size_t n = 0;

	for (; n < room && mcsafe__iter_next(&walk, &piece); n++) {
		iov[n].iov_base = (void *)piece.base;
		iov[n].iov_len = piece.len;
	}
	return n;
}
