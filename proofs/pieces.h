/* SPDX-License-Identifier: BSD-3-Clause */
/* pieces.h - iterators over any pieces, for proofs about functions that ask for the next one */
#ifndef MCSAFE_PROOFS_PIECES_H
#define MCSAFE_PROOFS_PIECES_H

#include "proof.h"

#include "iter.h"

#define mcsafe__iter_next real_next
#include "../src/iter/position.h"
#undef mcsafe__iter_next

#define PIECES 4

static struct mcsafe__piece pieces[PIECES];
static size_t n_pieces, next;

/* What proofs/iter_piece.c shows of the real one, once for each piece. */
static bool mcsafe__iter_next(struct mcsafe_iter *walk, struct mcsafe__piece *piece)
{
	*piece = (struct mcsafe__piece){0, 0};
	if (next == n_pieces || mcsafe__iter_left(walk) == 0)
		return false;
	*piece = pieces[next++];
	return true;
}

/* An iterator over up to `most` pieces, none of which is empty or wraps. */
static struct mcsafe_iter any_pieces(size_t most)
{
	struct mcsafe_iter it = {0};

	it.flavour = MCSAFE__IOVEC;
	it.end = 1;
	n_pieces = nondet_size();
	SUPPOSE(n_pieces <= most);
	for (size_t i = 0; i < n_pieces; i++) {
		pieces[i] = (struct mcsafe__piece){nondet_size(), nondet_size()};
		SUPPOSE(pieces[i].len != 0 && pieces[i].len <= SSIZE_MAX);
		SUPPOSE(pieces[i].base <= UINTPTR_MAX - (pieces[i].len - 1));
	}
	return it;
}

#endif /* MCSAFE_PROOFS_PIECES_H */
