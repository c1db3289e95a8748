/* SPDX-License-Identifier: BSD-3-Clause */
/* read.c - reads: to one buffer, to several, and to an iterator */
#include "pmem.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/no_cancel.h"
#include "iter/position.h"
#include "medium.h"

/* How much is read at once to be stored to trusted memory that has failed. */
#define BOUNCE_BYTES 1024u

ssize_t mcsafe_pmem_pread(struct mcsafe_pmem *pmem, void *buf, size_t n, off_t offset,
			  struct mcsafe_fault *fault)
{
	struct mcsafe__access access;
	struct mcsafe_fault stopped;
	size_t done = 0, left = 0;

	if (offset < 0)
		return -EINVAL;
	mcsafe__pmem_begin(&access, pmem, n, (size_t)offset, MCSAFE_SIDE_SOURCE);
	while (left == 0 && done < access.n) {
		size_t at = access.offset + done, run;
		unsigned char *to = (unsigned char *)buf + done;
		bool hole;

		run = mcsafe__medium_run(pmem, at, access.n - done, &hole);
		left = hole ? mcsafe_memset(to, 0, run, &stopped)
			    : mcsafe_memcpy(to, access.base + at, run, &stopped);
		done += run - left;
	}
	return mcsafe__pmem_end(&access, done, left != 0 ? &stopped : NULL, fault);
}

/* ---- to an iterator -------------------------------------------------------------------------- */

/* Bytes of a mapping that are all in a hole, or all not. */
struct run {
	const unsigned char *from;
	size_t n;
	bool hole;
};

static size_t move(const struct run *run, struct mcsafe_iter *it, struct mcsafe_fault *fault)
{
	return run->hole ? mcsafe_iter_zero(run->n, it, fault)
			 : mcsafe_copy_to_iter(run->from, run->n, it, fault);
}

static void advance(struct run *run, size_t n)
{
	run->from += n;
	run->n -= n;
}

/* Move bytes to trusted memory, but under protection. */
static size_t move_carefully(const struct run *run, struct mcsafe_iter *it,
			     struct mcsafe_fault *fault)
{
	size_t n;

	it->flavour = MCSAFE__IOVEC;
	n = move(run, it, fault);
	it->flavour = MCSAFE__KVEC;
	return n;
}

/*
 * Trusted memory has failed. The program must see that, and may jump. Therefore no byte of the
 * mapping is needed any more when it does, and the call does not count as running. Returns the
 * number of bytes that were stored after all. fault->cause says whether the mapping failed.
 */
static size_t move_openly(struct mcsafe__access *access, const struct run *run,
			  struct mcsafe_iter *it, struct mcsafe_fault *fault)
{
	size_t n = run->n < BOUNCE_BYTES ? run->n : BOUNCE_BYTES;
	unsigned char bounce[BOUNCE_BYTES];

	fault->cause = MCSAFE_CAUSE_NONE;
	if (run->hole)
		memset(bounce, 0, n);
	else
		n -= mcsafe_memcpy(bounce, run->from, n, fault);
	if (n == 0)
		return 0;
	mcsafe__pmem_step_aside(access->pmem);
	n = mcsafe_copy_to_iter(bounce, n, it, NULL);
	if (!mcsafe__pmem_step_back(access->pmem))
		access->pmem = NULL;
	return n;
}

static size_t move_to_trusted(struct mcsafe__access *access, struct run run, struct mcsafe_iter *it,
			      struct mcsafe_fault *fault)
{
	size_t all = run.n;

	for (;;) {
		advance(&run, move_carefully(&run, it, fault));
		if (run.n == 0 || fault->side != MCSAFE_SIDE_DESTINATION)
			break;
		advance(&run, move_openly(access, &run, it, fault));
		it->error = -mcsafe_fault_errno(fault);
		if (fault->cause != MCSAFE_CAUSE_NONE || access->pmem == NULL)
			break;
	}
	return all - run.n;
}

static ssize_t read_iter(struct mcsafe_pmem *pmem, struct mcsafe_iter *it, size_t n, size_t offset,
			 struct mcsafe_fault *fault)
{
	bool trusted = it->flavour == MCSAFE__KVEC && it->side == MCSAFE_SIDE_DESTINATION;
	struct mcsafe_fault stopped = {.cause = MCSAFE_CAUSE_NONE};
	struct mcsafe__access access;
	size_t done = 0, moved;
	struct run run;

	mcsafe__pmem_begin(&access, pmem, n, offset, MCSAFE_SIDE_SOURCE);
	do {
		run.n = access.n - done;
		run.from = access.base + access.offset + done;
		run.hole = false;
		if (run.n != 0)
			run.n = mcsafe__medium_run(pmem, access.offset + done, run.n, &run.hole);
		moved = trusted ? move_to_trusted(&access, run, it, &stopped)
				: move(&run, it, &stopped);
		done += moved;
	} while (moved == run.n && done < access.n && access.pmem != NULL);
	return access.pmem != NULL ? mcsafe__pmem_end_iter(&access, done, it, &stopped, fault)
				   : (ssize_t)done;
}

/* A descriptor may have the thread wait, while the call counts as running. */
static ssize_t read_to_fd(struct mcsafe_pmem *pmem, struct mcsafe_iter *it, size_t n, size_t offset,
			  struct mcsafe_fault *fault)
{
	MCSAFE__NO_CANCEL();

	return read_iter(pmem, it, n, offset, fault);
}

ssize_t mcsafe_pmem_read_iter(struct mcsafe_pmem *pmem, struct mcsafe_iter *it, size_t n,
			      off_t offset, struct mcsafe_fault *fault)
{
	if (offset < 0)
		return -EINVAL;
	if (n > mcsafe_iter_count(it))
		n = mcsafe_iter_count(it);
	return it->flavour == MCSAFE__FD ? read_to_fd(pmem, it, n, (size_t)offset, fault)
					 : read_iter(pmem, it, n, (size_t)offset, fault);
}

ssize_t mcsafe_pmem_preadv(struct mcsafe_pmem *pmem, const struct iovec *iov, size_t nr_segs,
			   off_t offset, struct mcsafe_fault *fault)
{
	struct mcsafe_iter it;
	int err = mcsafe_iter_iovec(&it, MCSAFE_SIDE_DESTINATION, iov, nr_segs, SSIZE_MAX);

	return err == 0 ? mcsafe_pmem_read_iter(pmem, &it, SSIZE_MAX, offset, fault) : err;
}
