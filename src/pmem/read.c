/* SPDX-License-Identifier: BSD-3-Clause */
/* read.c - reads: to one buffer, to several, and to an iterator */
#include "pmem.h"

#include <errno.h>
#include <limits.h>

ssize_t mcsafe_pmem_pread(struct mcsafe_pmem *pmem, void *buf, size_t n, off_t offset,
			  struct mcsafe_fault *fault)
{
	struct mcsafe__access access;
	struct mcsafe_fault stopped;
	size_t left;

	if (offset < 0)
		return -EINVAL;
	mcsafe__pmem_begin(&access, pmem, n, (size_t)offset, MCSAFE_SIDE_SOURCE);
	left = mcsafe_memcpy(buf, access.base + access.offset, access.n, &stopped);
	return mcsafe__pmem_end(&access, access.n - left, left != 0 ? &stopped : NULL, fault);
}

ssize_t mcsafe_pmem_read_iter(struct mcsafe_pmem *pmem, struct mcsafe_iter *it, size_t n,
			      off_t offset, struct mcsafe_fault *fault)
{
	struct mcsafe_fault stopped = {.cause = MCSAFE_CAUSE_NONE};
	struct mcsafe__access access;
	size_t done;

	if (offset < 0)
		return -EINVAL;
	if (n > mcsafe_iter_count(it))
		n = mcsafe_iter_count(it);
	mcsafe__pmem_begin(&access, pmem, n, (size_t)offset, MCSAFE_SIDE_SOURCE);
	done = mcsafe_copy_to_iter(access.base + access.offset, access.n, it, &stopped);
	return mcsafe__pmem_end_iter(&access, done, it, &stopped, fault);
}

ssize_t mcsafe_pmem_preadv(struct mcsafe_pmem *pmem, const struct iovec *iov, size_t nr_segs,
			   off_t offset, struct mcsafe_fault *fault)
{
	struct mcsafe_iter it;
	int err = mcsafe_iter_iovec(&it, MCSAFE_SIDE_DESTINATION, iov, nr_segs, SSIZE_MAX);

	return err == 0 ? mcsafe_pmem_read_iter(pmem, &it, SSIZE_MAX, offset, fault) : err;
}
