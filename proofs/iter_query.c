/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iter_query.c
 *
 * function: mcsafe_iter_alignment, _gap_alignment, _nr_segs, _to_iovec
 * property: exactly the bits, number and ranges of the pieces, up to a limit
 * loops: bounded, up to 4 pieces; iter_piece shows what a piece is
 * unwind: 6
 * break: src/iter/query.c s/bits |= piece.base | piece.len/bits |= piece.base/
 * break: src/iter/query.c s/before = piece)/(void)before)/
 * break: src/iter/query.c s/for (; n < room/for (; n <= room/
 */
#include "pieces.h"

#include "../src/iter/query.c"

void proof(void)
{
	struct mcsafe_iter it = any_pieces(PIECES);
	struct iovec iov[PIECES + 1];
	size_t room = nondet_size(), bits = 0, gaps = 0, n = n_pieces;

	/* A flavour without memory has no pieces. */
	if (nondet_bool()) {
		it.flavour = MCSAFE__DISCARD;
		n = 0;
	}
	for (size_t i = 0; i < n; i++) {
		bits |= pieces[i].base | pieces[i].len;
		if (i != 0)
			gaps |= (pieces[i - 1].base + pieces[i - 1].len) | pieces[i].base;
	}

	switch (nondet_int()) {
	case 0:
		PROVE(mcsafe_iter_alignment(&it) == bits);
		REACH();
		break;
	case 1:
		PROVE(mcsafe_iter_gap_alignment(&it) == gaps);
		REACH();
		break;
	case 2:
		PROVE(mcsafe_iter_nr_segs(&it) == n);
		REACH();
		break;
	default:
		SUPPOSE(room <= PIECES);
		PROVE(mcsafe_iter_to_iovec(&it, iov, room) == (n < room ? n : room));
		for (size_t i = 0; i < n && i < room; i++) {
			PROVE((uintptr_t)iov[i].iov_base == pieces[i].base);
			PROVE(iov[i].iov_len == pieces[i].len);
		}
		REACH();
	}
	END();
}
