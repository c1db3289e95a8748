/* SPDX-License-Identifier: BSD-3-Clause */
/* write.c - write, and make stores durable */
#include "pmem.h"

#include <errno.h>
#include <limits.h>
#include <sys/mman.h>

#include "base/errno_kept.h"
#include "base/no_cancel.h"
#include "copy/flush.h"
#include "iter/position.h"
#include "medium.h"

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

/*
 * Whether a store that stopped after `done` bytes may succeed now: there was no page for it, and
 * the file system has given one. Otherwise access->no_space says whether there is no space.
 */
static bool has_room(struct mcsafe__access *access, const struct mcsafe_fault *stopped, size_t done)
{
	size_t at = access->offset + done;
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();
	int err = -EIO;

	/* Only once at each place: it may be for another reason that it fails. */
	if (stopped->side == MCSAFE_SIDE_DESTINATION && stopped->cause == MCSAFE_CAUSE_IO &&
	    at != access->room_at)
		err = mcsafe__medium_make_room(access->pmem, at);
	access->room_at = at;
	access->no_space = err == -ENOSPC;
	return err == 0;
}

static size_t copy_in(const struct mcsafe_pmem *pmem, void *to, const void *from, size_t n,
		      struct mcsafe_fault *stopped)
{
	return pmem->flush ? mcsafe_memcpy_flushcache(to, from, n, stopped)
			   : mcsafe_memcpy(to, from, n, stopped);
}

ssize_t mcsafe_pmem_pwrite(struct mcsafe_pmem *pmem, const void *buf, size_t n, off_t offset,
			   struct mcsafe_fault *fault)
{
	struct mcsafe__access access;
	struct mcsafe_fault stopped;
	int err = check_request(pmem, n, offset);
	size_t done = 0, left;

	if (err != 0)
		return err;
	mcsafe__pmem_begin(&access, pmem, n, (size_t)offset, MCSAFE_SIDE_DESTINATION);
	do {
		left = copy_in(pmem, access.base + access.offset + done,
			       (const unsigned char *)buf + done, access.n - done, &stopped);
		done = access.n - left;
	} while (left != 0 && has_room(&access, &stopped, done));
	if (pmem->flush)
		mcsafe__pmem_fence();
	return mcsafe__pmem_end(&access, done, left != 0 ? &stopped : NULL, fault);
}

static size_t copy_in_iter(const struct mcsafe_pmem *pmem, void *to, size_t n,
			   struct mcsafe_iter *it, struct mcsafe_fault *stopped)
{
	return pmem->flush ? mcsafe_copy_from_iter_flushcache(to, n, it, stopped)
			   : mcsafe_copy_from_iter(to, n, it, stopped);
}

static ssize_t write_iter(struct mcsafe_pmem *pmem, struct mcsafe_iter *it, size_t n, size_t offset,
			  struct mcsafe_fault *fault)
{
	struct mcsafe_fault stopped;
	struct mcsafe__access access;
	size_t done = 0;

	mcsafe__pmem_begin(&access, pmem, n, offset, MCSAFE_SIDE_DESTINATION);
	do {
		stopped.cause = MCSAFE_CAUSE_NONE;
		done += copy_in_iter(pmem, access.base + access.offset + done, access.n - done, it,
				     &stopped);
	} while (stopped.cause != MCSAFE_CAUSE_NONE && has_room(&access, &stopped, done));
	if (pmem->flush)
		mcsafe__pmem_fence();
	return mcsafe__pmem_end_iter(&access, done, it, &stopped, fault);
}

/* A descriptor may have the thread wait, while the call counts as running. */
static ssize_t write_from_fd(struct mcsafe_pmem *pmem, struct mcsafe_iter *it, size_t n,
			     size_t offset, struct mcsafe_fault *fault)
{
	MCSAFE__NO_CANCEL();

	return write_iter(pmem, it, n, offset, fault);
}

ssize_t mcsafe_pmem_write_iter(struct mcsafe_pmem *pmem, struct mcsafe_iter *it, size_t n,
			       off_t offset, struct mcsafe_fault *fault)
{
	int err;

	if (n > mcsafe_iter_count(it))
		n = mcsafe_iter_count(it);
	err = check_request(pmem, n, offset);
	if (err != 0)
		return err;
	return it->flavour == MCSAFE__FD ? write_from_fd(pmem, it, n, (size_t)offset, fault)
					 : write_iter(pmem, it, n, (size_t)offset, fault);
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

		access->n = mcsafe__pmem_good(access->pmem, access->offset, left);
		unflushed = mcsafe__flush(access->base + access->offset, access->n, &fault);
		if (unflushed != 0) {
			size_t at = access->offset + access->n - unflushed;

			(void)mcsafe__pmem_note(access, &fault, at);
			err = -EIO;
			break;
		}
		access->offset += access->n;
		if (access->n < left)
			access->offset = mcsafe__up(access->offset + 1, MCSAFE__LINE);
	}
	mcsafe__pmem_fence();
	return err;
}

static int sync_pages(const struct mcsafe__access *access)
{
	size_t from = mcsafe__down(access->offset, MCSAFE__PAGE);

	if (msync(access->base + from, access->offset + access->wanted - from, MS_SYNC) == 0)
		return 0;
	/* ENOMEM: not mapped. Whatever the error is, the data are not durable. */
	return errno == ENOSPC || errno == EDQUOT ? -ENOSPC : -EIO;
}

/*
 * Whether the file still has the range, after it was written back. If it was truncated meanwhile,
 * nothing has said so: msync(2) finds nothing to write back, and the last page of the file can be
 * stored to and flushed up to its end. Only the kernel knows the size: one fstat(2).
 */
static bool is_in_file(const struct mcsafe_pmem *pmem, size_t at, size_t n)
{
	size_t end = at + n, size;

	/* A device keeps its size. */
	if (pmem->fd < 0 || pmem->file.type == S_IFCHR || mcsafe__medium_size(pmem, &size) != 0)
		return true;
	size = size > pmem->fd_offset ? size - pmem->fd_offset : 0;
	if (pmem->kind != MCSAFE_PMEM_MEMORY)
		return end <= size;
	/* Memory of the caller may have ended in the last page of the file from the beginning. */
	if (at < pmem->in_file && size < (end < pmem->in_file ? end : pmem->in_file))
		return false;
	return end <= mcsafe__up(size, pmem->page_size);
}

static int persist(struct mcsafe__access *access)
{
	size_t at = access->offset, n = access->wanted;
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();
	int err = access->pmem->flush ? flush(access) : sync_pages(access);

	return err == 0 && !is_in_file(access->pmem, at, n) ? -EIO : err;
}

int mcsafe_pmem_persist(struct mcsafe_pmem *pmem, off_t offset, size_t n)
{
	struct mcsafe__access access;
	int err = check_request(pmem, 0, offset);

	if (err != 0)
		return err;
	mcsafe__pmem_begin(&access, pmem, n, (size_t)offset, MCSAFE_SIDE_DESTINATION);
	if (access.wanted != 0)
		err = persist(&access);
	mcsafe__pmem_leave(pmem);
	return err;
}
