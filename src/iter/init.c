/* SPDX-License-Identifier: BSD-3-Clause */
/* init.c - begin an iterator, and refuse bad arguments, so that no later step has to check them */
#include "position.h"

#include <errno.h>
#include <limits.h>

#include "base/page.h"

static bool is_side(enum mcsafe_side side)
{
	return side == MCSAFE_SIDE_SOURCE || side == MCSAFE_SIDE_DESTINATION;
}

/* Make the iterator empty. It stays so if the arguments are refused. Member by member: to clear all
 * of it takes longer than to copy a few short segments. */
static void empty(struct mcsafe_iter *it)
{
	it->flavour = MCSAFE__EMPTY;
	it->side = MCSAFE_SIDE_NONE;
	it->error = 0;
	it->fd = 0;
	it->pos = 0;
	it->end = 0;
	it->total = 0;
	it->of.buf = NULL;
	it->nr_segs = 0;
	it->seg = 0;
	it->seg_offset = 0;
}

static int begin(struct mcsafe_iter *it, enum mcsafe__flavour flavour, enum mcsafe_side side,
		 size_t total, size_t count)
{
	it->flavour = (unsigned char)flavour;
	it->side = (unsigned char)side;
	it->total = total;
	it->end = count < total ? count : total;
	return 0;
}

int mcsafe_iter_ubuf(struct mcsafe_iter *it, enum mcsafe_side side, void *buf, size_t n)
{
	empty(it);
	if (!is_side(side) || n > SSIZE_MAX || mcsafe__wraps((uintptr_t)buf, n))
		return -EINVAL;
	it->of.buf = buf;
	return begin(it, MCSAFE__UBUF, side, n, n);
}

/* The lengths of segments, summed without a branch for each. */
struct lengths {
	size_t total;
	size_t seen; /* all lengths and sums: above SSIZE_MAX if one of them is */
};

static inline void add_length(struct lengths *lengths, size_t len)
{
	lengths->total += len;
	lengths->seen |= len | lengths->total;
}

static bool is_array(const void *array, size_t n, size_t size)
{
	return (array != NULL || n == 0) && n <= PTRDIFF_MAX / size;
}

static int begin_iov(struct mcsafe_iter *it, enum mcsafe__flavour flavour, enum mcsafe_side side,
		     const struct iovec *iov, size_t nr_segs, size_t count)
{
	struct lengths lengths = {0, 0};
	bool wraps = false;

	empty(it);
	if (!is_side(side) || !is_array(iov, nr_segs, sizeof(*iov)))
		return -EINVAL;
	for (size_t i = 0; i < nr_segs; i++) {
		wraps |= mcsafe__wraps((uintptr_t)iov[i].iov_base, iov[i].iov_len);
		add_length(&lengths, iov[i].iov_len);
	}
	if (wraps || lengths.seen > SSIZE_MAX)
		return -EINVAL;
	it->of.iov = iov;
	it->nr_segs = nr_segs;
	return begin(it, flavour, side, lengths.total, count);
}

int mcsafe_iter_iovec(struct mcsafe_iter *it, enum mcsafe_side side, const struct iovec *iov,
		      size_t nr_segs, size_t count)
{
	return begin_iov(it, MCSAFE__IOVEC, side, iov, nr_segs, count);
}

int mcsafe_iter_kvec(struct mcsafe_iter *it, enum mcsafe_side side, const struct iovec *iov,
		     size_t nr_segs, size_t count)
{
	return begin_iov(it, MCSAFE__KVEC, side, iov, nr_segs, count);
}

static bool is_inside(const struct mcsafe_bvec *bvec)
{
	const struct mcsafe_region *region = bvec->region;

	if (region == NULL)
		return bvec->len == 0;
	return !mcsafe__wraps((uintptr_t)region->base, region->len) &&
	       bvec->offset <= region->len && bvec->len <= region->len - bvec->offset;
}

int mcsafe_iter_bvec(struct mcsafe_iter *it, enum mcsafe_side side, const struct mcsafe_bvec *bvec,
		     size_t nr_segs, size_t count)
{
	struct lengths lengths = {0, 0};

	empty(it);
	if (!is_side(side) || !is_array(bvec, nr_segs, sizeof(*bvec)))
		return -EINVAL;
	for (size_t i = 0; i < nr_segs; i++) {
		if (!is_inside(&bvec[i]))
			return -EINVAL;
		add_length(&lengths, bvec[i].len);
	}
	if (lengths.seen > SSIZE_MAX)
		return -EINVAL;
	it->of.bvec = bvec;
	it->nr_segs = nr_segs;
	return begin(it, MCSAFE__BVEC, side, lengths.total, count);
}

int mcsafe_iter_discard(struct mcsafe_iter *it, enum mcsafe_side side, size_t n)
{
	empty(it);
	if (side != MCSAFE_SIDE_DESTINATION || n > SSIZE_MAX)
		return -EINVAL;
	return begin(it, MCSAFE__DISCARD, side, n, n);
}

int mcsafe_iter_fd(struct mcsafe_iter *it, enum mcsafe_side side, int fd, off_t offset, size_t n)
{
	empty(it);
	/* On x86-64, off_t has the range of ssize_t. */
	if (!is_side(side) || n > SSIZE_MAX || offset < -1 ||
	    (offset > 0 && n > SSIZE_MAX - (size_t)offset))
		return -EINVAL;
	if (fd < 0)
		return -EBADF;
	if (offset == -1 && side == MCSAFE_SIDE_SOURCE)
		return -ESPIPE;
	it->fd = fd;
	it->of.offset = offset;
	return begin(it, MCSAFE__FD, side, n, n);
}
