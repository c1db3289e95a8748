/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iter_pages.c
 *
 * function: mcsafe_iter_npages
 * property: the pages from the first byte of a piece to its last, up to the limit
 * loops: bounded, one piece: two take more than 100 s; iter_piece shows what a piece is
 * unwind: 3
 * break: src/iter/query.c s/piece.base + (piece.len - 1)/piece.base + piece.len/
 * break: src/iter/query.c s/n += last - first + 1/n += last - first/
 * break: src/iter/query.c s/return n < maxpages ? n : maxpages/return n/
 * break: src/iter/query.c s/while (n < maxpages \&\& mcsafe__iter_next/while (mcsafe__iter_next/
 */
#include "pieces.h"

#include "../src/iter/query.c"

static size_t pages_of(struct mcsafe__piece piece)
{
	return (piece.base + (piece.len - 1)) / 4096 - piece.base / 4096 + 1;
}

void proof(void)
{
	struct mcsafe_iter it = any_pieces(1);
	size_t limit = nondet_size(), pages = 0;

	for (size_t i = 0; i < n_pieces; i++)
		pages += pages_of(pieces[i]);
	PROVE(mcsafe_iter_npages(&it, limit) == (pages < limit ? pages : limit));
	/* No piece more is asked for than the limit needs. */
	PROVE(next == 0 || limit != 0);
	END();
}
