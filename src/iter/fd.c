/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fd.c - copy from and to files, pipes and sockets, through memory that cannot fail
 *
 * A system call that meets bad memory does not tell exactly how far it came: write(2) fails with
 * EFAULT, and a pipe takes a whole page or nothing. Therefore bytes are first copied, under
 * protection, to a buffer on the stack, which several segments may fill. The system call accesses
 * only that buffer.
 */
#include "transfer.h"

#include <errno.h>
#include <unistd.h>

#include "base/errno_kept.h"

/* A thread may have no more stack than PTHREAD_STACK_MIN, 16 KiB. The signal frame of a fault,
 * which holds all vector registers, must fit in beside this. A test has a smaller buffer. */
#ifndef MCSAFE__BOUNCE_BYTES
# define MCSAFE__BOUNCE_BYTES 4096u
#endif

static size_t at_most(size_t n, size_t limit)
{
	return n < limit ? n : limit;
}

static off_t file_offset(const struct mcsafe_iter *it)
{
	return it->of.offset + (off_t)it->pos;
}

static ssize_t write_once(const struct mcsafe_iter *it, const void *buf, size_t n)
{
	if (mcsafe__iter_is_stream(it))
		return write(it->fd, buf, n);
	return pwrite(it->fd, buf, n, file_offset(it));
}

/* Write n bytes of buf, and advance. Returns how many the kernel accepted; *error says why
 * not all. */
static size_t write_out(struct mcsafe_iter *it, const unsigned char *buf, size_t n, int *error)
{
	MCSAFE__KEEP_ERRNO();
	size_t done = 0;

	while (done < n) {
		ssize_t put = write_once(it, buf + done, n - done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0) {
			*error = put < 0 ? -errno : -EIO;
			break;
		}
		done += (size_t)put;
		mcsafe__iter_step(it, (size_t)put);
	}
	return done;
}

/* Read up to n bytes into buf, without advancing. Returns their number; if it is 0, *error
 * says why. */
static size_t read_in(const struct mcsafe_iter *it, unsigned char *buf, size_t n, int *error)
{
	MCSAFE__KEEP_ERRNO();
	ssize_t got;

	do
		got = pread(it->fd, buf, n, file_offset(it));
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		*error = got < 0 ? -errno : -ENODATA;
	return got > 0 ? (size_t)got : 0;
}

/* Fill the buffer with up to n bytes of the source, which advances. From one descriptor to another,
 * bytes go through one buffer only: a thread may have little stack. */
static size_t fill(unsigned char *buf, size_t n, struct mcsafe_iter *src,
		   struct mcsafe__transfer *t)
{
	struct mcsafe_iter bounce;
	size_t got;

	if (src->flavour == MCSAFE__FD) {
		got = read_in(src, buf, n, &t->error);
		mcsafe__iter_step(src, got);
		return got;
	}
	mcsafe__iter_linear(&bounce, buf, n);
	return mcsafe__transfer(&bounce, src, n, t);
}

size_t mcsafe__transfer_to_fd(struct mcsafe_iter *dst, struct mcsafe_iter *src, size_t n,
			      struct mcsafe__transfer *t)
{
	unsigned char buf[MCSAFE__BOUNCE_BYTES];
	size_t total = 0;

	while (total < n && t->error == 0) {
		size_t filled = fill(buf, at_most(n - total, sizeof(buf)), src, t), written;
		int error = 0;

		written = write_out(dst, buf, filled, &error);
		total += written;
		if (error != 0) {
			/* The write error comes first in the stream, so it is the one to report. */
			mcsafe__iter_back(src, filled - written);
			t->error = error;
			t->faulted = false;
		}
	}
	return total;
}

size_t mcsafe__transfer_from_fd(struct mcsafe_iter *dst, struct mcsafe_iter *src, size_t n,
				struct mcsafe__transfer *t)
{
	unsigned char buf[MCSAFE__BOUNCE_BYTES];
	size_t total = 0;

	while (total < n && t->error == 0) {
		struct mcsafe_iter bounce;
		size_t got, put;

		got = read_in(src, buf, at_most(n - total, sizeof(buf)), &t->error);
		mcsafe__iter_linear(&bounce, buf, got);
		put = mcsafe__transfer(dst, &bounce, got, t);
		mcsafe__iter_step(src, put);
		total += put;
	}
	return total;
}
