/* SPDX-License-Identifier: BSD-3-Clause */
/* copy.c - copy to, from and between iterators: one loop for all flavours */
#include "transfer.h"

#include <errno.h>

#include <mcsafe/copy.h>

#include "base/page.h"

static size_t zero_piece(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	(void)src;
	return mcsafe_memset(dst, 0, n, fault);
}

/* The operation of flavour DISCARD, which accesses neither side. */
static size_t skip_piece(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	(void)dst;
	(void)src;
	(void)n;
	(void)fault;
	return 0;
}

/*
 * Continue a piece whose destination is trusted memory, and which stopped `left` bytes before its
 * end. If the destination could not be written, that is a bug of the program, which must see the
 * fault as if this library were not there. Therefore one byte is stored by an instruction that has
 * no row. If the store succeeds after all, for example because the previous handler has repaired
 * the mapping, the piece continues. The byte of the source has not faulted so far, but may do so
 * now, so that it is still loaded under protection.
 */
static size_t insist(mcsafe__piece_fn *op, uintptr_t dst, uintptr_t src, size_t n, size_t left,
		     struct mcsafe_fault *fault)
{
	while (left != 0 && fault->side == MCSAFE_SIDE_DESTINATION) {
		size_t done = n - left;
		unsigned char byte;

		if (op(&byte, (const void *)(src + done), 1, fault) != 0)
			break;
		*(volatile unsigned char *)(dst + done) = byte;
		left--;
		left = op((void *)(dst + done + 1), (const void *)(src + done + 1), left, fault);
	}
	return left;
}

size_t mcsafe__transfer(struct mcsafe_iter *dst, struct mcsafe_iter *src, size_t n,
			struct mcsafe__transfer *t)
{
	size_t total = 0;

	if (dst->flavour == MCSAFE__DISCARD)
		t->op = skip_piece;
	else if (dst->flavour == MCSAFE__FD)
		return mcsafe__transfer_to_fd(dst, src, n, t);
	else if (src->flavour == MCSAFE__FD)
		return mcsafe__transfer_from_fd(dst, src, n, t);

	while (total < n) {
		struct mcsafe__piece to = mcsafe__iter_piece(dst), from = mcsafe__iter_piece(src);
		size_t len = n - total, left;

		if (to.len < len)
			len = to.len;
		if (from.len < len)
			len = from.len;
		left = t->op((void *)to.base, (const void *)from.base, len, &t->fault);
		if (left != 0 && dst->flavour == MCSAFE__KVEC)
			left = insist(t->op, to.base, from.base, len, left, &t->fault);
		mcsafe__iter_step(dst, len - left);
		mcsafe__iter_step(src, len - left);
		total += len - left;
		if (left != 0) {
			t->faulted = true;
			t->error = -mcsafe_fault_errno(&t->fault);
			break;
		}
	}
	return total;
}

/* Do the work of a public function, and tell its caller why it stopped. */
static size_t transfer(struct mcsafe_iter *dst, struct mcsafe_iter *src, size_t n,
		       mcsafe__piece_fn *op, struct mcsafe_fault *fault)
{
	struct mcsafe__transfer t;

	t.op = op;
	t.error = 0;
	t.faulted = false;
	n = mcsafe__transfer(dst, src, n, &t);
	dst->error = t.error;
	src->error = t.error;
	if (t.faulted && fault != NULL)
		*fault = t.fault;
	return n;
}

/* Check the side of an iterator, and limit *n to the bytes that are left. 0; or -EINVAL, which also
 * becomes the error of the iterator. */
static int prepare(struct mcsafe_iter *it, enum mcsafe_side side, size_t *n)
{
	bool fits = it->flavour == MCSAFE__EMPTY || it->side == (unsigned char)side;

	it->error = fits ? 0 : -EINVAL;
	if (mcsafe__iter_left(it) < *n)
		*n = mcsafe__iter_left(it);
	return it->error;
}

/* For a range that wraps around: the operation refuses all of it, and writes the record. */
static size_t refused(struct mcsafe_iter *it, mcsafe__piece_fn *op, void *dst, const void *src,
		      size_t n, struct mcsafe_fault *fault)
{
	struct mcsafe_fault wrapped;

	(void)op(dst, src, n, &wrapped);
	it->error = -mcsafe_fault_errno(&wrapped);
	if (fault != NULL)
		*fault = wrapped;
	return 0;
}

/* A copy that stopped before its end: what the iterator and the caller are told. */
static size_t stopped_at(struct mcsafe_iter *it, size_t done, const struct mcsafe_fault *stopped,
			 struct mcsafe_fault *fault)
{
	it->error = -mcsafe_fault_errno(stopped);
	if (fault != NULL)
		*fault = *stopped;
	return done;
}

/*
 * The copy of [addr, addr + n) stopped at the start, because trusted memory cannot be written: go
 * on openly to the end of the segment. *done grows by the bytes that were stored after all. False:
 * *stopped says what stopped it then.
 */
static __attribute__((noinline)) bool go_on_openly(struct mcsafe_iter *it, const char *addr,
						   size_t n, size_t *done,
						   struct mcsafe_fault *stopped)
{
	struct mcsafe__piece to = mcsafe__iter_piece(it);
	size_t left;

	if (to.len < n)
		n = to.len;
	left = insist(mcsafe_memcpy, to.base, (uintptr_t)addr, n, n, stopped);
	mcsafe__iter_step(it, n - left);
	*done += n - left;
	return left == 0;
}

static size_t copy_to_memory(const char *addr, size_t n, struct mcsafe_iter *it,
			     struct mcsafe_fault *fault)
{
	struct mcsafe_fault stopped;
	size_t done = 0;

	for (;;) {
		done += mcsafe__transfer_linear(it, (uintptr_t)addr + done, n - done, &stopped);
		if (done == n)
			return n;
		if (it->flavour != MCSAFE__KVEC || stopped.side != MCSAFE_SIDE_DESTINATION ||
		    !go_on_openly(it, addr + done, n - done, &done, &stopped))
			return stopped_at(it, done, &stopped, fault);
	}
}

size_t mcsafe_copy_to_iter(const void *addr, size_t n, struct mcsafe_iter *it,
			   struct mcsafe_fault *fault)
{
	struct mcsafe_iter src;

	if (prepare(it, MCSAFE_SIDE_DESTINATION, &n) != 0)
		return 0;
	if (it->flavour != MCSAFE__DISCARD && mcsafe__wraps((uintptr_t)addr, n))
		return refused(it, mcsafe_memcpy, (void *)(uintptr_t)addr, addr, n, fault);
	if (mcsafe__iter_has_memory(it))
		return copy_to_memory(addr, n, it, fault);
	mcsafe__iter_linear(&src, addr, n);
	return transfer(it, &src, n, mcsafe_memcpy, fault);
}

size_t copy_to_iter_mcsafe(const void *addr, size_t n, struct mcsafe_iter *it)
{
	return mcsafe_copy_to_iter(addr, n, it, NULL);
}

size_t mcsafe_copy_from_iter(void *addr, size_t n, struct mcsafe_iter *it,
			     struct mcsafe_fault *fault)
{
	struct mcsafe_fault stopped;
	struct mcsafe_iter dst;
	size_t done;

	if (prepare(it, MCSAFE_SIDE_SOURCE, &n) != 0)
		return 0;
	if (mcsafe__wraps((uintptr_t)addr, n))
		return refused(it, zero_piece, addr, NULL, n, fault);
	if (!mcsafe__iter_has_memory(it)) {
		mcsafe__iter_linear(&dst, addr, n);
		return transfer(&dst, it, n, mcsafe_memcpy, fault);
	}
	done = mcsafe__transfer_linear(it, (uintptr_t)addr, n, &stopped);
	return done == n ? n : stopped_at(it, done, &stopped, fault);
}

size_t mcsafe_copy_from_iter_flushcache(void *addr, size_t n, struct mcsafe_iter *it,
					struct mcsafe_fault *fault)
{
	struct mcsafe_iter dst;

	if (prepare(it, MCSAFE_SIDE_SOURCE, &n) != 0)
		return 0;
	if (mcsafe__wraps((uintptr_t)addr, n))
		return refused(it, zero_piece, addr, NULL, n, fault);
	mcsafe__iter_linear(&dst, addr, n);
	return transfer(&dst, it, n, mcsafe_memcpy_flushcache, fault);
}

size_t mcsafe_iter_zero(size_t n, struct mcsafe_iter *it, struct mcsafe_fault *fault)
{
	struct mcsafe_iter zeros;

	if (prepare(it, MCSAFE_SIDE_DESTINATION, &n) != 0)
		return 0;
	mcsafe__iter_linear(&zeros, NULL, n);
	zeros.flavour = MCSAFE__ZERO;
	return transfer(it, &zeros, n, zero_piece, fault);
}

size_t mcsafe_iter_to_iter(struct mcsafe_iter *dst, struct mcsafe_iter *src, size_t n,
			   struct mcsafe_fault *fault)
{
	int dst_error = prepare(dst, MCSAFE_SIDE_DESTINATION, &n);
	int src_error = prepare(src, MCSAFE_SIDE_SOURCE, &n);

	if (dst_error != 0 || src_error != 0) {
		dst->error = -EINVAL;
		src->error = -EINVAL;
		return 0;
	}
	return transfer(dst, src, n, mcsafe_memcpy, fault);
}
