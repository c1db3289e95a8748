/* SPDX-License-Identifier: BSD-3-Clause */
/* holes.c - the copy that continues past bad memory, and lists what it left out */
#include <mcsafe/copy.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/errno_kept.h"
#include "base/page.h"
#include "hole_list.h"
#include "landing/loss.h"

/* What is lost of the n bytes at an address, at the first of which an access stopped. Less than a
 * page is never lost: an access fails because of the page that it touches. */
static struct mcsafe__loss loss_at(uintptr_t addr, size_t n, const struct mcsafe_fault *fault)
{
	return mcsafe__loss_at(fault, addr, n, mcsafe__granule(fault, MCSAFE__PAGE));
}

/* How many of the n bytes at an address are lost: to the end of the granule. */
static size_t lost_bytes(const struct mcsafe__loss *loss, uintptr_t addr, size_t n)
{
	size_t to_end = loss->start + loss->len - addr;

	return to_end < n ? to_end : n;
}

/* How many bytes before the lost granule are good, or may be. */
static size_t bytes_before(const struct mcsafe__loss *loss, uintptr_t addr)
{
	if (loss->start > addr)
		return loss->start - addr;
	return loss->may_be_next ? loss->start + loss->len - addr : 0;
}

/* Fill n bytes, except those that cannot be written. */
static void fill_with(char *dst, int fill, size_t n)
{
	struct mcsafe_fault fault;
	size_t left;

	while ((left = mcsafe_memset(dst, fill, n, &fault)) != 0) {
		struct mcsafe__loss loss;
		size_t bad;

		dst += n - left;
		loss = loss_at((uintptr_t)dst, left, &fault);
		bad = lost_bytes(&loss, (uintptr_t)dst, left);
		dst += bad;
		n = left - bad;
	}
}

/* The file that the source is a mapping of. */
struct file {
	int fd; /* -1: not known */
	off_t offset;
};

/*
 * Whether a read at offset `at` of the source has failed because the file ends before it. Then
 * nothing after it can be read. The whole page of the last byte of a file can be read.
 */
static bool is_past_end(const struct file *file, size_t at, const struct mcsafe_fault *fault)
{
	MCSAFE__KEEP_ERRNO();
	struct stat st;

	if (file->fd < 0 || fault->side != MCSAFE_SIDE_SOURCE || fault->cause != MCSAFE_CAUSE_IO)
		return false;
	return fstat(file->fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)file->offset + at >= (uint64_t)st.st_size;
}

static size_t copy_past_holes(void *dst, const void *src, size_t n, int fill,
			      struct mcsafe_range *holes, size_t *nholes, const struct file *file)
{
	struct mcsafe__hole_list list = {.holes = holes, .room = nholes != NULL ? *nholes : 0};
	struct mcsafe_fault fault;
	size_t at = 0, lost = 0, left;

	while (at < n && (left = mcsafe_memcpy((char *)dst + at, (const char *)src + at, n - at,
					       &fault)) != 0) {
		struct mcsafe__loss loss;
		size_t len, before;
		uintptr_t bad;

		at = n - left;
		bad = (uintptr_t)(fault.side == MCSAFE_SIDE_SOURCE ? src : dst) + at;
		loss = loss_at(bad, left, &fault);
		before = bytes_before(&loss, bad);
		if (before != 0) {
			size_t bad_before = mcsafe_memcpy((char *)dst + at, (const char *)src + at,
							  before, NULL);

			at += before - bad_before;
			if (bad_before != 0 && bad_before != before)
				continue; /* at what stopped this copy */
			left = n - at;
			bad += before - bad_before;
			loss.start = mcsafe__down(bad, loss.len);
		}
		len = lost_bytes(&loss, bad, left);
		if (is_past_end(file, at, &fault))
			len = left;
		if (fault.side == MCSAFE_SIDE_SOURCE && fault.signo != 0)
			fill_with((char *)dst + at, fill, len);
		mcsafe__hole_list_add(&list, at, len);
		lost += len;
		at += len;
	}
	if (nholes != NULL)
		*nholes = list.found;
	return lost;
}

size_t mcsafe_memcpy_holes(void *dst, const void *src, size_t n, int fill,
			   struct mcsafe_range *holes, size_t *nholes)
{
	return copy_past_holes(dst, src, n, fill, holes, nholes, &(struct file){.fd = -1});
}

size_t mcsafe_memcpy_holes_fd(void *dst, const void *src, size_t n, int fill,
			      struct mcsafe_range *holes, size_t *nholes, int fd, off_t offset)
{
	return copy_past_holes(dst, src, n, fill, holes, nholes,
			       &(struct file){.fd = fd, .offset = offset});
}
