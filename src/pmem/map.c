/* SPDX-License-Identifier: BSD-3-Clause */
/* map.c - map a file, follow its size, put fresh pages in place of bad ones */
#include "pmem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/mman.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/errno_kept.h"
#include "base/no_cancel.h"
#include "medium.h"

/* Room for a file to grow into. It costs only addresses: past the end of the file the kernel does
 * not account for a mapping. */
#define LEAST_ROOM ((size_t)64 << 10)

/* Bytes that are reserved at once. tmpfs begins a call anew if a signal arrives during it, so calls
 * must be short. */
#define RESERVE_PIECE ((size_t)16 << 20)

int mcsafe__pmem_size_of(int fd, const struct stat *st, size_t *size)
{
	uint64_t bytes = (uint64_t)st->st_size;

	if (S_ISBLK(st->st_mode) && ioctl(fd, BLKGETSIZE64, &bytes) != 0)
		return -errno;
	if (bytes > SSIZE_MAX / 4)
		return -EOVERFLOW;
	*size = bytes;
	return 0;
}

int mcsafe__pmem_file_size(int fd, size_t *size)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? mcsafe__pmem_size_of(fd, &st, size) : -errno;
}

static int protection(const struct mcsafe_pmem *pmem)
{
	return pmem->flags & MCSAFE_PMEM_WRITE ? PROT_READ | PROT_WRITE : PROT_READ;
}

/* Where MAP_SYNC does not work, the kernel refuses it with MAP_SHARED_VALIDATE, and ignores it with
 * MAP_SHARED. */
static void *map(const struct mcsafe_pmem *pmem, void *at, size_t n, size_t offset, bool sync)
{
	int flags = sync ? MAP_SHARED_VALIDATE | MAP_SYNC : MAP_SHARED;

	if (at != NULL)
		flags |= MAP_FIXED;
	return mmap(at, n, protection(pmem), flags, pmem->fd, (off_t)(pmem->fd_offset + offset));
}

static int map_view(struct mcsafe_pmem *pmem, struct mcsafe__view *view, size_t n)
{
	bool can_sync = pmem->kind == MCSAFE_PMEM_FILE && !pmem->hugetlb;
	void *base = MAP_FAILED;

	if (can_sync)
		base = map(pmem, NULL, n, 0, true);
	pmem->sync = base != MAP_FAILED || pmem->kind == MCSAFE_PMEM_DEVICE;
	if (base == MAP_FAILED)
		base = map(pmem, NULL, n, 0, false);
	if (base == MAP_FAILED)
		return -errno;
	view->base = base;
	view->mapped = n;
	return 0;
}

int mcsafe__pmem_map_again(const struct mcsafe_pmem *pmem, struct mcsafe__view *view, size_t n)
{
	void *base = MAP_FAILED;

	/* Of memory of the caller, MCSAFE_PMEM_FLUSH may promise more than the file system. */
	if (pmem->sync && pmem->kind != MCSAFE_PMEM_DEVICE)
		base = map(pmem, NULL, n, 0, true);
	if (base == MAP_FAILED)
		base = map(pmem, NULL, n, 0, false);
	if (base == MAP_FAILED)
		return -errno;
	view->base = base;
	view->mapped = n;
	return 0;
}

int mcsafe__pmem_map(struct mcsafe_pmem *pmem, struct mcsafe__view *view, size_t size)
{
	size_t room = LEAST_ROOM;
	int err;

	/* No room to grow: huge pages are reserved for the whole mapping, and a device does
	 * not grow. */
	if (pmem->hugetlb || pmem->kind == MCSAFE_PMEM_DEVICE) {
		size = mcsafe__up(size, pmem->page_size);
		return size != 0 ? map_view(pmem, view, size) : 0;
	}
	while (room < size)
		room *= 2;
	err = map_view(pmem, view, room);
	/* EAGAIN: the pages would be locked (mlockall(2), MCL_FUTURE), and so many must not be
	 * (RLIMIT_MEMLOCK): mmap(2). Then there is no room to grow. */
	if (err == -ENOMEM || err == -EAGAIN) {
		size = mcsafe__up(size, MCSAFE__PAGE);
		err = size != 0 ? map_view(pmem, view, size) : 0;
	}
	return err;
}

int mcsafe__pmem_map_anew(struct mcsafe_pmem *pmem, size_t offset, size_t n)
{
	n = mcsafe__up(n, pmem->page_size);
	if (!mcsafe__pmem_has_file(pmem))
		return -EBADF;
	for (struct mcsafe__view *view = pmem->view; view != NULL; view = view->older) {
		size_t len = n;

		if (offset >= view->mapped)
			continue;
		if (len > view->mapped - offset)
			len = view->mapped - offset;
		if (map(pmem, view->base + offset, len, offset, pmem->sync) == MAP_FAILED)
			return -errno;
	}
	return 0;
}

int mcsafe__pmem_reserve(const struct mcsafe_pmem *pmem, size_t from, size_t to)
{
	if ((pmem->flags & MCSAFE_PMEM_RESERVE) == 0 || pmem->file.type != S_IFREG)
		return 0;
	for (size_t at = from; at < to; at += RESERVE_PIECE) {
		size_t n = to - at < RESERVE_PIECE ? to - at : RESERVE_PIECE;
		int err;

		/* The file does not grow, not even if it was truncated meanwhile. */

		do
			err = fallocate(pmem->fd, FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)n);
		while (err != 0 && errno == EINTR);
		/* ENOMEM: hugetlbfs has no huge page that is free. */
		if (err != 0)
			return errno == ENOMEM && pmem->hugetlb ? -ENOSPC : -errno;
	}
	return 0;
}

/* Forget bad ranges past the end of the file. What is bad in a page that comes back is found
 * again. */
static int forget_past_end(struct mcsafe_pmem *pmem, size_t size)
{
	return mcsafe_badblocks_clear(pmem->bad, size, SIZE_MAX - size);
}

static int grow(struct mcsafe_pmem *pmem, size_t size)
{
	struct mcsafe__view *view;
	int err;

	view = malloc(sizeof(*view));
	if (view == NULL)
		return -ENOMEM;
	view->older = pmem->view;
	err = mcsafe__pmem_map(pmem, view, size);
	if (err != 0) {
		free(view);
		return err;
	}
	atomic_store_explicit(&pmem->view, view, memory_order_release);
	return 0;
}

static int refresh(struct mcsafe_pmem *pmem)
{
	size_t size = 0;
	int err = mcsafe__pmem_has_file(pmem) ? mcsafe__pmem_file_size(pmem->fd, &size) : -EBADF;

	if (err == 0)
		err = mcsafe__pmem_reserve(pmem, 0, size);
	if (err == 0 && size > atomic_load(&pmem->view)->mapped)
		err = grow(pmem, size);
	mcsafe__pmem_take_lost(pmem);
	if (err == 0)
		err = forget_past_end(pmem, size);
	mcsafe__medium_has_holes(pmem);
	if (err == 0)
		mcsafe__pmem_give_all_back(pmem);
	if (err == 0)
		atomic_store_explicit(&pmem->size, size, memory_order_release);
	return err;
}

int mcsafe_pmem_refresh(struct mcsafe_pmem *pmem)
{
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();
	int err;

	if (pmem->kind != MCSAFE_PMEM_FILE)
		return 0;
	mcsafe__pmem_enter(pmem);
	pthread_mutex_lock(&pmem->change);
	err = refresh(pmem);
	pthread_mutex_unlock(&pmem->change);
	mcsafe__pmem_leave(pmem);
	return err;
}
