/* SPDX-License-Identifier: BSD-3-Clause */
/* transfer.h - move bytes from one iterator to another */
#ifndef MCSAFE_SRC_ITER_TRANSFER_H
#define MCSAFE_SRC_ITER_TRANSFER_H

#include <stdbool.h>

#include <mcsafe/fault.h>

#include "position.h"

/* Do one piece. As with mcsafe_memcpy(), returns the bytes NOT done, and writes *fault if that is
 * not 0. */
typedef size_t mcsafe__piece_fn(void *dst, const void *src, size_t n, struct mcsafe_fault *fault);

/* How to do a piece, and why a transfer stopped. */
struct mcsafe__transfer {
	mcsafe__piece_fn *op;
	int error;    /* 0, or -errno: the transfer stopped */
	bool faulted; /* it stopped at a memory fault, which is in `fault` */
	struct mcsafe_fault fault;
};

/*
 * Move up to n bytes, which must not be more than either side has left. Returns the number of bytes
 * that were moved; both sides have advanced by it. The sides may be of any flavours.
 */
size_t mcsafe__transfer(struct mcsafe_iter *dst, struct mcsafe_iter *src, size_t n,
			struct mcsafe__transfer *t);

/* Used by mcsafe__transfer() if a side is of flavour FD: move bytes through a buffer on
 * the stack. */
size_t mcsafe__transfer_to_fd(struct mcsafe_iter *dst, struct mcsafe_iter *src, size_t n,
			      struct mcsafe__transfer *t);
size_t mcsafe__transfer_from_fd(struct mcsafe_iter *dst, struct mcsafe_iter *src, size_t n,
				struct mcsafe__transfer *t);

/*
 * Copy up to n bytes, which must not be more than are left, between [linear, linear + n), which
 * must not wrap around, and an iterator over memory. The side of the iterator says in which
 * direction. Returns the number of bytes that were copied; if that is not n, *fault says why.
 */
size_t mcsafe__transfer_linear(struct mcsafe_iter *it, uintptr_t linear, size_t n,
			       struct mcsafe_fault *fault);

/* An iterator over [addr, addr + n), which must not wrap around. Only the members that a transfer
 * uses are set. */
static inline void mcsafe__iter_linear(struct mcsafe_iter *it, const void *addr, size_t n)
{
	it->flavour = MCSAFE__UBUF;
	it->pos = 0;
	it->end = n;
	it->seg_offset = 0;
	it->of.buf = (void *)(uintptr_t)addr;
}

#endif /* MCSAFE_SRC_ITER_TRANSFER_H */
