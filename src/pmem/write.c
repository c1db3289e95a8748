/* SPDX-License-Identifier: BSD-3-Clause */
/* write.c - write, and make stores durable */
#include "pmem.h"

#include <errno.h>
#include <limits.h>
#include <sys/mman.h>

#include "base/errno_kept.h"
#include "base/msan.h"
#include "copy/flush.h"
#include "landing/fault.h"

/* Stores that were flushed are durable only after this (Intel SDM vol. 2, CLWB). */
static void fence(void)
{
	__builtin_ia32_sfence();
}

/* Whether n bytes may be written at an offset: 0, or -errno. */
static int check_request(const struct mcsafe_pmem *pmem, size_t n, off_t offset)
{
	if (offset < 0)
		return -EINVAL;
	if ((pmem->flags & MCSAFE_PMEM_WRITE) == 0)
		return -EBADF;
	if (n != 0 && (size_t)offset >= atomic_load_explicit(&pmem->size, memory_order_acquire))
		return -ENOSPC;
	return 0;
}

ssize_t mcsafe_pmem_pwrite(struct mcsafe_pmem *pmem, const void *buf, size_t n, off_t offset,
			   struct mcsafe_fault *fault)
{
	struct mcsafe__access access;
	struct mcsafe_fault stopped;
	int err = check_request(pmem, n, offset);
	unsigned char *to;
	size_t left;

	if (err != 0)
		return err;
	mcsafe__pmem_begin(&access, pmem, n, (size_t)offset, MCSAFE_SIDE_DESTINATION);
	to = access.base + access.offset;
	if (pmem->flush) {
		left = mcsafe_memcpy_flushcache(to, buf, access.n, &stopped);
		fence();
	} else {
		left = mcsafe_memcpy(to, buf, access.n, &stopped);
	}
	return mcsafe__pmem_end(&access, access.n - left, left != 0 ? &stopped : NULL, fault);
}

ssize_t mcsafe_pmem_write_iter(struct mcsafe_pmem *pmem, struct mcsafe_iter *it, size_t n,
			       off_t offset, struct mcsafe_fault *fault)
{
	struct mcsafe_fault stopped = {.cause = MCSAFE_CAUSE_NONE};
	struct mcsafe__access access;
	size_t done;
	int err;

	if (n > mcsafe_iter_count(it))
		n = mcsafe_iter_count(it);
	err = check_request(pmem, n, offset);
	if (err != 0)
		return err;
	mcsafe__pmem_begin(&access, pmem, n, (size_t)offset, MCSAFE_SIDE_DESTINATION);
	if (pmem->flush) {
		done = mcsafe_copy_from_iter_flushcache(access.base + access.offset, access.n, it,
							&stopped);
		fence();
	} else {
		done = mcsafe_copy_from_iter(access.base + access.offset, access.n, it, &stopped);
	}
	return mcsafe__pmem_end_iter(&access, done, it, &stopped, fault);
}

ssize_t mcsafe_pmem_pwritev(struct mcsafe_pmem *pmem, const struct iovec *iov, size_t nr_segs,
			    off_t offset, struct mcsafe_fault *fault)
{
	struct mcsafe_iter it;
	int err = mcsafe_iter_iovec(&it, MCSAFE_SIDE_SOURCE, iov, nr_segs, SSIZE_MAX);

	return err == 0 ? mcsafe_pmem_write_iter(pmem, &it, SSIZE_MAX, offset, fault) : err;
}

/* Write the cache lines of the access back, except those that are known to be bad. */
static int flush(struct mcsafe__access *access)
{
	size_t end = access->offset + access->wanted;
	struct mcsafe_fault fault;
	int err = 0;

	while (access->offset < end) {
		size_t left = end - access->offset, unflushed;
		struct mcsafe__landing landing;

		access->n = mcsafe__pmem_good(access->pmem, access->offset, left);
		unflushed = mcsafe__flush(access->base + access->offset, access->n, &landing);
		if (unflushed != 0) {
			size_t at = access->offset + access->n - unflushed;

			mcsafe__msan_written(&landing, sizeof(landing));
			mcsafe__fault_from_landing(&fault, &landing, access->base + at);
			(void)mcsafe__pmem_note(access, &fault, at);
			err = -EIO;
			break;
		}
		access->offset += access->n;
		if (access->n < left)
			access->offset = mcsafe__up(access->offset + 1, MCSAFE__LINE);
	}
	fence();
	return err;
}

static int sync_pages(const struct mcsafe__access *access)
{
	size_t from = mcsafe__down(access->offset, MCSAFE__PAGE);
	MCSAFE__KEEP_ERRNO();
	int err = 0;

	/* ENOMEM: not mapped. Whatever the error is, the data are not durable. */
	if (msync(access->base + from, access->offset + access->wanted - from, MS_SYNC) != 0)
		err = -EIO;
	return err;
}

int mcsafe_pmem_persist(struct mcsafe_pmem *pmem, off_t offset, size_t n)
{
	struct mcsafe__access access;
	int err = check_request(pmem, 0, offset);

	if (err != 0)
		return err;
	mcsafe__pmem_begin(&access, pmem, n, (size_t)offset, MCSAFE_SIDE_DESTINATION);
	if (access.wanted != 0)
		err = pmem->flush ? flush(&access) : sync_pages(&access);
	mcsafe__pmem_leave(access.stripe);
	return err;
}
