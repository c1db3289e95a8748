/* SPDX-License-Identifier: BSD-3-Clause */
/* access.c - common to reads and writes: how far they may go, and what they return */
#include "pmem.h"

#include <errno.h>
#include <limits.h>

#include "base/counters.h"

size_t mcsafe__pmem_good(const struct mcsafe_pmem *pmem, size_t offset, size_t n)
{
	size_t from = mcsafe__down(offset, MCSAFE__LINE);
	size_t to = mcsafe__up(offset + n, MCSAFE__LINE), first;
	struct mcsafe_range bad;

	if (!mcsafe_badblocks_next(pmem->bad, from, to, &bad))
		return n;
	first = mcsafe__down(bad.start, MCSAFE__LINE);
	if (first <= offset)
		return 0;
	return first - offset; /* less than n, because the range begins before `to` */
}

void mcsafe__pmem_begin(struct mcsafe__access *access, struct mcsafe_pmem *pmem, size_t n,
			size_t offset, enum mcsafe_side side)
{
	const struct mcsafe__view *view;
	size_t size;

	access->pmem = pmem;
	mcsafe__pmem_enter(pmem);
	mcsafe__pmem_take_lost(pmem);
	/* The size is loaded before the view. So the view is at least as new, and large enough. */
	size = atomic_load_explicit(&pmem->size, memory_order_acquire);
	view = atomic_load_explicit(&pmem->view, memory_order_acquire);
	access->base = view->base;
	access->mapped = view->mapped;
	access->repairs = atomic_load_explicit(&pmem->repairs, memory_order_acquire);
	access->side = side;
	access->room_at = SIZE_MAX;
	access->no_space = false;
	access->offset = offset;
	if (n > SSIZE_MAX)
		n = SSIZE_MAX;
	if (offset >= size)
		n = 0;
	else if (n > size - offset)
		n = size - offset;
	access->wanted = n;
	access->n = n != 0 ? mcsafe__pmem_good(pmem, offset, n) : 0;
}

void mcsafe__pmem_fence(void)
{
	__builtin_ia32_sfence();
}

ssize_t mcsafe__pmem_end(struct mcsafe__access *access, size_t done,
			 const struct mcsafe_fault *stopped, struct mcsafe_fault *fault)
{
	int error = 0;

	if (stopped != NULL) {
		error = stopped->side == access->side ? -EIO : -EFAULT;
		if (error == -EIO && access->no_space)
			error = -ENOSPC;
		else if (error == -EIO)
			(void)mcsafe__pmem_note(access, stopped, access->offset + done);
		if (fault != NULL)
			*fault = *stopped;
	} else if (done == access->n && done < access->wanted) {
		error = -EIO;
		mcsafe__count(&mcsafe__counters.known_bad);
		if (fault != NULL)
			*fault = (struct mcsafe_fault){
				.cause = MCSAFE_CAUSE_IO,
				.side = access->side,
				.addr = access->base + access->offset + done,
			};
	}
	mcsafe__pmem_leave(access->pmem);
	return done != 0 || error == 0 ? (ssize_t)done : error;
}

ssize_t mcsafe__pmem_end_iter(struct mcsafe__access *access, size_t done,
			      const struct mcsafe_iter *it, const struct mcsafe_fault *stopped,
			      struct mcsafe_fault *fault)
{
	bool faulted = stopped->cause != MCSAFE_CAUSE_NONE;
	ssize_t result = mcsafe__pmem_end(access, done, faulted ? stopped : NULL, fault);

	/* Otherwise the iterator stopped: it is for the other side, or a descriptor failed. */
	if (done == 0 && !faulted && mcsafe_iter_error(it) != 0)
		return mcsafe_iter_error(it);
	return result;
}
