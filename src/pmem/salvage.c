/* SPDX-License-Identifier: BSD-3-Clause */
/* salvage.c - read all that can be read, and list what cannot */
#include "pmem.h"

#include <errno.h>

#include "copy/hole_list.h"

struct salvage {
	struct mcsafe__access access;
	unsigned char *buf; /* of the access's start */
	int fill;
	struct mcsafe__hole_list list;
};

/* Fill the hole of n bytes at `done` and list as much of it as could be filled; how much. */
static size_t hole(struct salvage *s, size_t done, size_t n)
{
	size_t start = s->access.offset;

	n -= mcsafe_memset(s->buf + done, s->fill, n, NULL);
	if (n == 0)
		return 0;
	mcsafe__hole_list_add(&s->list, start, n);
	return n;
}

/* Bytes known to be bad at the start of the n at an offset. */
static size_t known_bad(const struct mcsafe_pmem *pmem, size_t offset, size_t n)
{
	size_t len = 0;

	while (len < n && mcsafe__pmem_good(pmem, offset + len, n - len) == 0) {
		size_t to_line = MCSAFE__LINE - (offset + len) % MCSAFE__LINE;
		struct mcsafe_range bad;

		/* To the end of the range, in whole lines, whatever comes behind. */
		if (mcsafe_badblocks_next(pmem->bad, offset + len, offset + n, &bad) &&
		    bad.start == offset + len)
			to_line = mcsafe__up(bad.start + bad.len, MCSAFE__LINE) - bad.start;
		len += to_line;
	}
	return len < n ? len : n;
}

/*
 * The next step of up to n bytes: a stretch that comes before something bad, or what is bad.
 * Returns the bytes of buf that were written by it; fewer than *n, which is what was meant to be,
 * if buf itself cannot be written.
 */
static size_t step(struct salvage *s, size_t done, size_t *n)
{
	struct mcsafe__access *access = &s->access;
	size_t good = mcsafe__pmem_good(access->pmem, access->offset, *n), left, lost, again;
	struct mcsafe_fault fault;

	if (good == 0) {
		*n = known_bad(access->pmem, access->offset, *n);
		/* It has been repaired just now: try again. */
		return *n != 0 ? hole(s, done, *n) : 0;
	}
	access->n = good;
	left = mcsafe_memcpy(s->buf + done, access->base + access->offset, good, &fault);
	if (left == 0 || fault.side == MCSAFE_SIDE_DESTINATION) {
		*n = good;
		return good - left;
	}
	access->offset += good - left;
	lost = mcsafe__pmem_note(access, &fault, access->offset);
	/* REP MOVSB may have fallen short of what was noted: what is good until there comes next. */
	again = mcsafe__pmem_good(access->pmem, access->offset, left);
	if (again != 0 && again < lost && again < left) {
		access->offset -= good - left;
		*n = good - left;
		return good - left;
	}
	if (lost > left)
		lost = left;
	*n = good - left + lost;
	lost = hole(s, done + good - left, lost);
	access->offset -= good - left;
	return good - left + lost;
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
	mcsafe__pmem_leave(s.access.stripe);
	if (nholes != NULL)
		*nholes = s.list.found;
	return done != 0 || n == 0 ? (ssize_t)done : -EFAULT;
}
