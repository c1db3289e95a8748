/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * repair.c - replace bad ranges by good data
 *
 * A range leaves the registry last: after the data have been stored, made durable, and read back
 * through the mapping.
 */
#include "pmem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attributes.h"
#include "badblocks/clearing.h"
#include "badblocks/devdax.h"
#include "base/counters.h"
#include "base/errno_kept.h"
#include "base/no_cancel.h"
#include "base/probe.h"
#include "copy/flush.h"
#include "medium.h"

/* Bytes that are written at once. After a failure it is page by page. */
#define PIECE ((size_t)256 << 10)

struct repair {
	struct mcsafe_pmem *pmem;
	const struct mcsafe__view *view;
	size_t size;                    /* of the file; it must not change */
	unsigned char *data;            /* of this piece */
	unsigned char *back;            /* the piece as it reads back */
	bool device;                    /* device-dax; also if the caller has mapped it */
	struct mcsafe__dax_place place; /* of the device */
};

/* Write all n bytes. 0, or -errno. */
static int write_file(const struct mcsafe_pmem *pmem, const unsigned char *data, size_t n,
		      size_t offset)
{
	while (n != 0) {
		ssize_t put = pwrite(pmem->fd, data, n, (off_t)(pmem->fd_offset + offset));

		if (put < 0 && errno == EINTR)
			continue;
		/* The data are in our own memory, so that EFAULT is about the medium, as
		 * with DAX. */
		if (put <= 0)
			return put == 0 || errno == EFAULT ? -EIO : -errno;
		data += put;
		offset += (size_t)put;
		n -= (size_t)put;
	}
	return 0;
}

/* Store through the mapping: write(2) does not work with a file of hugetlbfs. */
static int store(const struct repair *r, size_t n, size_t offset)
{
	unsigned char *to = r->view->base + offset;
	struct mcsafe_fault fault;
	int err;

	if (mcsafe_memcpy(to, r->data, n, &fault) == 0)
		return 0;
	if (fault.cause != MCSAFE_CAUSE_IO)
		return -EIO;
	/* Perhaps there was no huge page for it. */
	err = mcsafe__medium_make_room(r->pmem, offset);
	if (err == 0 && mcsafe_memcpy(to, r->data, n, NULL) != 0)
		err = -EIO;
	return err;
}

static int sync_file(const struct mcsafe_pmem *pmem)
{
	int err;

	do
		err = fdatasync(pmem->fd) == 0 ? 0 : -errno;
	while (err == -EINTR);
	return err;
}

/*
 * The page cache reports an error once (Documentation/core-api/errseq.rst). The first error may be
 * about the loss that is being repaired; only the second one is about the new data. Pages that
 * could not be written back count as clean from then on, so the data are written again before the
 * second attempt.
 */
static int put_durably(const struct repair *r, size_t n, size_t offset)
{
	const struct mcsafe_pmem *pmem = r->pmem;
	int err = -EIO;

	for (unsigned tries = 0; err == -EIO && tries < 2; tries++) {
		err = pmem->hugetlb ? store(r, n, offset) : write_file(pmem, r->data, n, offset);
		if (err != 0)
			return err;
		err = sync_file(pmem);
	}
	return err;
}

/* Whether the file is the one that was opened, and has the size that it had. If it is truncated,
 * a write makes it as long again. 0; -EBADF; or -EINVAL: the size has changed. */
static int stands_still(const struct repair *r)
{
	size_t size;
	int err = 0;

	if (r->pmem->fd >= 0)
		err = mcsafe__medium_size(r->pmem, &size);
	if (err == 0 && r->pmem->fd >= 0 && size != r->size)
		err = -EINVAL;
	return err;
}

/* Have the file system take the bad pages or blocks out of the file. New ones take their place. */
static int punch(struct mcsafe_pmem *pmem, size_t n, size_t offset)
{
	int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	off_t at = (off_t)(pmem->fd_offset + offset);
	int err;

	do
		err = fallocate(pmem->fd, mode, at, (off_t)mcsafe__up(n, pmem->page_size)) == 0
			      ? 0
			      : -errno;
	while (err == -EINTR);
	mcsafe__medium_has_holes(pmem);
	return err;
}

/*
 * A hole is punched for a page that the medium has lost, and for no other: not because there is no
 * space, and not for the pages beside it. repair_all() comes back with one page if a write of more
 * has failed.
 */
static bool may_punch(const struct mcsafe_pmem *pmem, size_t n, int err)
{
	return (err == -EIO || err == -EHWPOISON) && n <= pmem->align &&
	       (pmem->memory_file || (pmem->flags & MCSAFE_PMEM_PUNCH));
}

static int put_in_file(const struct repair *r, size_t n, size_t offset)
{
	int err = put_durably(r, n, offset);

	if (!may_punch(r->pmem, n, err))
		return err;
	err = stands_still(r);
	if (err == 0)
		err = punch(r->pmem, n, offset);
	return err == 0 ? put_durably(r, n, offset) : err;
}

/* ---- device-dax: the firmware clears the poison, and we store the data ----------------------- */

/* Store the data and flush them out of the caches, so that they are read back from the medium. CLWB
 * may keep a line in the cache, CLFLUSH does not (Intel SDM vol. 2). SFENCE orders all stores
 * before it. */
static int store_durably(const struct repair *r, size_t n, size_t offset)
{
	unsigned char *to = r->view->base + offset;
	size_t left = mcsafe_memcpy(to, r->data, n, NULL);

	if (left == 0)
		left = mcsafe__flush_clflush(to, n, NULL);
	mcsafe__pmem_fence();
	return left == 0 ? 0 : -EIO;
}

/*
 * The data are stored before the poison is cleared and again after, as Linux's own driver did for
 * many years. If the process dies in between, the new data are there, provided that clearing keeps
 * the contents. An error of the first store is ignored: the second store decides.
 */
static int put_on_device(const struct repair *r, size_t n, size_t offset)
{
	size_t at = r->pmem->fd_offset + offset;
	struct mcsafe__clearing *clearing;
	int err;

	if (at > r->place.bytes || n > r->place.bytes - at)
		return -EINVAL;
	err = mcsafe__clearing_begin(&clearing, mcsafe__region_name(&r->place), r->place.start + at,
				     n);
	if (err != 0)
		return err == -ENOSYS || err == -ENODEV ? -EOPNOTSUPP : err;
	(void)store_durably(r, n, offset);
	err = mcsafe__clearing_run(clearing);
	mcsafe__clearing_end(clearing);
	return err == 0 ? store_durably(r, n, offset) : err;
}

/* ---- anonymous memory ------------------------------------------------------------------------ */

/*
 * Fill new pages with the data, and move them to the place of the bad pages by one system call. The
 * program may have locked the old pages into memory, and kept them from children and core dumps: so
 * must be the new ones. If they cannot be like the old ones in everything, nothing is replaced.
 */
static int replace_pages(const struct repair *r, size_t n, size_t offset)
{
	unsigned char *at = r->view->base + offset, *fresh;
	struct mcsafe__attributes attributes;
	int err;

	if (!mcsafe__attributes_of(at, n, &attributes) || !attributes.private_anonymous ||
	    !attributes.complete || (attributes.prot & PROT_READ) == 0)
		return -EOPNOTSUPP;
	fresh = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fresh == MAP_FAILED)
		return -errno;
	err = mcsafe__attributes_give_policy(fresh, n, &attributes);
	if (err == 0) {
		memcpy(fresh, r->data, n);
		err = mcsafe__attributes_give(fresh, n, &attributes);
	}
	if (err == 0 && mremap(fresh, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, at) == MAP_FAILED)
		err = -errno;
	if (err != 0)
		munmap(fresh, n);
	return err;
}

/* Map pages of the file anew. Memory of the caller stays as it was in all other respects. */
static int map_anew(const struct repair *r, size_t n, size_t offset)
{
	struct mcsafe_pmem *pmem = r->pmem;
	unsigned char *at = r->view->base + offset;
	size_t pages = mcsafe__up(n, pmem->page_size);
	struct mcsafe__attributes attributes;
	int err;

	if (pmem->kind != MCSAFE_PMEM_MEMORY)
		return mcsafe__pmem_map_anew(pmem, offset, n);
	if (pages > r->view->mapped - offset)
		pages = mcsafe__up(r->view->mapped - offset, MCSAFE__PAGE);
	if (!mcsafe__attributes_of(at, pages, &attributes) || (attributes.prot & PROT_READ) == 0)
		return -EOPNOTSUPP;
	err = mcsafe__pmem_map_anew(pmem, offset, n);
	if (err == 0)
		err = mcsafe__attributes_give_policy(at, pages, &attributes);
	return err == 0 ? mcsafe__attributes_give(at, pages, &attributes) : err;
}

static bool reads_back(const struct repair *r, size_t n, size_t offset)
{
	return mcsafe_memcpy(r->back, r->view->base + offset, n, NULL) == 0 &&
	       memcmp(r->back, r->data, n) == 0;
}

/* Whole pages, also at the end of a file: a line is known to be bad if any byte of it is. A fault
 * that was met before this, and is noted after it, is looked at again (note.c). */
static int forget(struct mcsafe_pmem *pmem, size_t n, size_t offset)
{
	int err;

	pthread_mutex_lock(&pmem->noting);
	atomic_fetch_add(&pmem->repairs, 1);
	mcsafe__pmem_forget_lost(pmem, offset, mcsafe__up(n, pmem->align));
	err = mcsafe_badblocks_clear(pmem->bad, offset, mcsafe__up(n, pmem->align));
	pthread_mutex_unlock(&pmem->noting);
	mcsafe__pmem_give_back(pmem, offset, mcsafe__up(n, pmem->align));
	return err;
}

static int put(const struct repair *r, size_t n, size_t offset)
{
	if (r->device)
		return put_on_device(r, n, offset);
	return r->pmem->fd >= 0 ? put_in_file(r, n, offset) : replace_pages(r, n, offset);
}

/* n bytes of r->data: all of them or -errno. */
static int repair_piece(const struct repair *r, size_t n, size_t offset)
{
	int err = stands_still(r);

	if (err == 0)
		err = put(r, n, offset);
	/* There are no other pages of a device to map. */
	if (err == 0 && r->pmem->fd >= 0 && !r->device && !reads_back(r, n, offset))
		err = map_anew(r, n, offset);
	if (err == 0 && !reads_back(r, n, offset))
		err = -EIO;
	if (err == 0)
		err = stands_still(r);
	return err == 0 ? forget(r->pmem, n, offset) : err;
}

/* Repair as many of n bytes as possible. Returns their number; *err says why not all. */
static size_t repair_all(const struct repair *r, const unsigned char *data, size_t n, size_t offset,
			 int *err)
{
	size_t unit = mcsafe__up(PIECE, r->pmem->align), done = 0;

	while (done < n) {
		size_t piece = n - done < unit ? n - done : unit;

		*err = 0;
		if (data == NULL)
			memset(r->data, 0, piece);
		else if (mcsafe_memcpy(r->data, data + done, piece, NULL) != 0)
			*err = -EFAULT;
		if (*err == 0)
			*err = repair_piece(r, piece, offset + done);
		if (*err == 0)
			done += piece;
		else if (piece > r->pmem->align)
			unit = r->pmem->align;
		else
			break;
	}
	return done;
}

/* Whether the file from which the memory is mapped has all of these bytes. */
static bool is_in_file(const struct mcsafe_pmem *pmem, const struct stat *st, size_t n,
		       size_t offset)
{
	size_t end = (size_t)st->st_size;

	return pmem->fd_offset <= end && offset <= end - pmem->fd_offset &&
	       n <= end - pmem->fd_offset - offset;
}

/* Whether a repair is allowed: 0, or -errno. *st becomes the status of the file, if there
 * is one. */
static int check_request(const struct mcsafe_pmem *pmem, struct stat *st, size_t n, off_t offset)
{
	size_t size = atomic_load(&pmem->size), align = pmem->align;

	*st = (struct stat){.st_mode = 0};
	if (offset < 0)
		return -EINVAL;
	if ((pmem->flags & MCSAFE_PMEM_WRITE) == 0)
		return -EBADF;
	if (n == 0)
		return 0;
	if (pmem->fd >= 0 && !mcsafe__pmem_has_file(pmem))
		return -EBADF;
	if (pmem->fd >= 0 && fstat(pmem->fd, st) != 0)
		return -errno;
	/* With O_APPEND, pwrite(2) ignores the offset and appends. */
	if (pmem->fd >= 0 && (fcntl(pmem->fd, F_GETFL) & O_APPEND))
		return -EINVAL;
	/* If the caller has mapped the memory, it may reach past the end of the file. */
	if (pmem->kind == MCSAFE_PMEM_MEMORY && S_ISREG(st->st_mode) &&
	    !is_in_file(pmem, st, n, (size_t)offset))
		return -EINVAL;
	/* The firmware of a device clears whole units. And of anonymous memory, whole pages are
	 * exchanged: stores of others to the rest of the last page would be lost. */
	if ((S_ISCHR(st->st_mode) || pmem->fd < 0) && n % align != 0)
		return -EINVAL;
	if ((size_t)offset % align != 0 || (size_t)offset > size || n > size - (size_t)offset ||
	    (n % align != 0 && n != size - (size_t)offset))
		return -EINVAL;
	return 0;
}

/* Take the size of a file, which must be the size that is known, or find the region of a device. 0,
 * or -errno. */
static int prepare(struct repair *r, const struct stat *st)
{
	struct mcsafe_pmem *pmem = r->pmem;
	int err = 0;

	if (pmem->fd >= 0)
		err = mcsafe__medium_size(pmem, &r->size);
	if (err == 0 && pmem->kind == MCSAFE_PMEM_FILE && r->size != atomic_load(&pmem->size))
		err = -EINVAL;
	if (err != 0 || !S_ISCHR(st->st_mode))
		return err;
	r->device = true;
	return mcsafe__sysfs_dax_place("/sys", st->st_rdev, &r->place);
}

/* n is not 0. */
static ssize_t repair(struct mcsafe_pmem *pmem, const struct stat *st, const void *data, size_t n,
		      size_t offset)
{
	size_t room = mcsafe__up(PIECE, pmem->align), done = 0;
	struct repair r = {
		.pmem = pmem,
		.view = atomic_load(&pmem->view),
		.data = malloc(room),
		.back = malloc(room),
	};
	int err = -ENOMEM;

	if (r.data != NULL && r.back != NULL)
		err = prepare(&r, st);
	if (err == 0)
		done = repair_all(&r, data, n, offset, &err);
	free(r.data);
	free(r.back);
	return done != 0 ? (ssize_t)done : err;
}

ssize_t mcsafe_pmem_repair(struct mcsafe_pmem *pmem, const void *data, size_t n, off_t offset)
{
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();
	struct stat st;
	ssize_t result;

	mcsafe__pmem_enter(pmem);
	pthread_mutex_lock(&pmem->change);
	result = check_request(pmem, &st, n, offset);
	if (result == 0 && n != 0)
		result = repair(pmem, &st, data, n, (size_t)offset);
	pthread_mutex_unlock(&pmem->change);
	mcsafe__pmem_leave(pmem);
	if (result > 0) {
		mcsafe__count(&mcsafe__counters.repairs);
		MCSAFE__PROBE_2(repaired, offset, result);
	}
	return result;
}
