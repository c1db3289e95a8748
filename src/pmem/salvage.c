/* SPDX-License-Identifier: BSD-3-Clause */
/* salvage.c - read everything that can be read, and list the rest */
#include "pmem.h"

#include <errno.h>

#include "base/no_cancel.h"
#include "copy/hole_list.h"
#include "medium.h"

struct salvage {
	struct mcsafe__access access;
	unsigned char *buf; /* for the byte at which the access starts */
	int fill;
	struct mcsafe__hole_list list;
};

/* Fill a hole of n bytes at buf[done], and list the part that could be filled. Returns
 * its length. */
static size_t hole(struct salvage *s, size_t done, size_t n)
{
	size_t start = s->access.offset;

	n -= mcsafe_memset(s->buf + done, s->fill, n, NULL);
	if (n == 0)
		return 0;
	mcsafe__hole_list_add(&s->list, start, n);
	return n;
}

/* The number of bytes, of n at an offset, that are known to be bad before the first good one. */
static size_t known_bad(const struct mcsafe_pmem *pmem, size_t offset, size_t n)
{
	size_t len = 0;

	while (len < n && mcsafe__pmem_good(pmem, offset + len, n - len) == 0) {
		size_t to_line = MCSAFE__LINE - (offset + len) % MCSAFE__LINE;
		struct mcsafe_range bad;

		/* All lines of a bad range at once. */
		if (mcsafe_badblocks_next(pmem->bad, offset + len, offset + n, &bad) &&
		    bad.start == offset + len)
			to_line = mcsafe__up(bad.start + bad.len, MCSAFE__LINE) - bad.start;
		len += to_line;
	}
	return len < n ? len : n;
}

/* Whether the read of the byte at which the access starts has failed because the file ends before
 * its page. Then nothing after it can be read. */
static bool is_past_end(const struct mcsafe__access *access, const struct mcsafe_fault *fault)
{
	MCSAFE__NO_CANCEL();

	return fault->cause == MCSAFE_CAUSE_IO &&
	       !mcsafe__medium_has_page(access->pmem, access->offset);
}

/*
 * Do the next step of up to *n bytes: good bytes up to a bad one, or a bad range. *n becomes the
 * number of bytes that the step is about. Returns the number of bytes of buf that it wrote: fewer
 * than *n only if buf itself cannot be written.
 */
static size_t step(struct salvage *s, size_t done, size_t *n)
{
	struct mcsafe__access *access = &s->access;
	size_t good = mcsafe__pmem_good(access->pmem, access->offset, *n);
	size_t left, copied, lost, again;
	struct mcsafe_fault fault;
	bool sparse; /* there is nothing to read in the file */

	if (good == 0) {
		*n = known_bad(access->pmem, access->offset, *n);
		/* If *n is 0, the range has just been repaired: try again. */
		return hole(s, done, *n);
	}
	good = mcsafe__medium_run(access->pmem, access->offset, good, &sparse);
	access->n = good;
	left = sparse ? mcsafe_memset(s->buf + done, 0, good, &fault)
		      : mcsafe_memcpy(s->buf + done, access->base + access->offset, good, &fault);
	if (left == 0 || fault.side == MCSAFE_SIDE_DESTINATION) {
		*n = good;
		return good - left;
	}
	copied = good - left;
	access->offset += copied;
	if (is_past_end(access, &fault)) {
		lost = *n - copied;
	} else {
		lost = mcsafe__pmem_note(access, &fault, access->offset);
		/* The copy may have stopped before the range that was noted. The next step copies
		 * the good bytes between. */
		again = mcsafe__pmem_good(access->pmem, access->offset, left);
		if (again != 0 && again < lost && again < left) {
			access->offset -= copied;
			*n = copied;
			return copied;
		}
		if (lost > left)
			lost = left;
	}
	*n = copied + lost;
	lost = hole(s, done + copied, lost);
	access->offset -= copied;
	return copied + lost;
}

ssize_t mcsafe_pmem_salvage(struct mcsafe_pmem *pmem, void *buf, size_t n, off_t offset, int fill,
			    struct mcsafe_range *holes, size_t *nholes)
{
	struct salvage s = {
		.buf = buf,
		.fill = fill,
		.list = {.holes = holes, .room = nholes != NULL ? *nholes : 0},
	};
	size_t done = 0, wanted, got;

	if (offset < 0)
		return -EINVAL;
	mcsafe__pmem_begin(&s.access, pmem, n, (size_t)offset, MCSAFE_SIDE_SOURCE);
	n = s.access.wanted;
	do {
		wanted = n - done;
		got = wanted != 0 ? step(&s, done, &wanted) : 0;
		done += got;
		s.access.offset += got;
	} while (got == wanted && done < n);
	mcsafe__pmem_leave(pmem);
	if (nholes != NULL)
		*nholes = s.list.found;
	return done != 0 || n == 0 ? (ssize_t)done : -EFAULT;
}
