/* SPDX-License-Identifier: BSD-3-Clause */
/* open.c - open and close files, devices and memory of the caller, and find out what they are */
#include "pmem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "badblocks/devdax.h"
#include "base/errno_kept.h"
#include "base/msan.h"
#include "base/no_cancel.h"
#include "medium.h"

#define FILE_FLAGS \
 (MCSAFE_PMEM_WRITE | MCSAFE_PMEM_NO_ASK | MCSAFE_PMEM_PUNCH | MCSAFE_PMEM_RESERVE)
#define FD_FLAGS     (FILE_FLAGS | MCSAFE_PMEM_BORROW)
#define MEMORY_FLAGS (FD_FLAGS | MCSAFE_PMEM_FLUSH)

static struct mcsafe_pmem *create(int flags)
{
	struct mcsafe_pmem *pmem = aligned_alloc(_Alignof(struct mcsafe_pmem), sizeof(*pmem));

	if (pmem == NULL)
		return NULL;
	memset(pmem, 0, sizeof(*pmem));
	pmem->fd = -1;
	atomic_init(&pmem->holders, 1);
	pmem->flags = flags;
	pmem->page_size = pmem->align = MCSAFE__PAGE;
	atomic_init(&pmem->view, &pmem->first);
	pthread_mutex_init(&pmem->change, NULL);
	pthread_mutex_init(&pmem->noting, NULL);
	if (mcsafe_badblocks_create(&pmem->bad) != 0) {
		free(pmem);
		return NULL;
	}
	mcsafe__running_init(&pmem->running);
	return pmem;
}

static void destroy(struct mcsafe_pmem *pmem)
{
	struct mcsafe__view *view = atomic_load(&pmem->view), *older;

	(void)mcsafe__pmem_end_shield(pmem);
	for (; view != NULL; view = older) {
		older = view->older;
		if (pmem->kind != MCSAFE_PMEM_MEMORY && view->mapped != 0)
			munmap(view->base, view->mapped);
		if (view != &pmem->first)
			free(view);
	}
	mcsafe__medium_forget(pmem);
	if (pmem->fd >= 0 && (pmem->flags & MCSAFE_PMEM_BORROW) == 0)
		mcsafe__fd_close(pmem->fd, &pmem->file);
	mcsafe_badblocks_destroy(pmem->bad);
	pthread_mutex_destroy(&pmem->change);
	pthread_mutex_destroy(&pmem->noting);
	mcsafe__pmem_drop(pmem);
}

/* Take the caller's descriptor, if it is open for what is wanted: duplicate it, or borrow it. */
static int take_fd(struct mcsafe_pmem *pmem, int fd)
{
	int mode = fcntl(fd, F_GETFL);

	if (mode < 0)
		return -errno;
	if ((mode & O_PATH) != 0 || (mode & O_ACCMODE) == O_WRONLY ||
	    ((pmem->flags & MCSAFE_PMEM_WRITE) && (mode & O_ACCMODE) != O_RDWR))
		return -EACCES;
	if (pmem->flags & MCSAFE_PMEM_BORROW) {
		int err = mcsafe__fd_identify(fd, &pmem->file);

		if (err != 0)
			return err;
	} else {
		fd = mcsafe__fd_duplicate(fd, &pmem->file);
		if (fd < 0)
			return fd;
	}
	pmem->fd = fd;
	return 0;
}

/*
 * Without O_NONBLOCK, open(2) of a FIFO would wait for a writer. The flag has no effect on files
 * that can be mapped, but for one: if somebody has a lease on the file, open(2) with the flag
 * fails, and without it waits until the lease is given up (F_SETLEASE in fcntl(2)). A FIFO never
 * fails so.
 */
static int open_path(struct mcsafe_pmem *pmem, const char *path)
{
	int mode = (pmem->flags & MCSAFE_PMEM_WRITE ? O_RDWR : O_RDONLY) | O_NOCTTY;
	int fd = mcsafe__fd_open(AT_FDCWD, path, mode | O_NONBLOCK, &pmem->file);

	if (fd == -EWOULDBLOCK)
		fd = mcsafe__fd_open(AT_FDCWD, path, mode, &pmem->file);
	if (fd < 0)
		return fd;
	pmem->fd = fd;
	pmem->own_position = true;
	return 0;
}

/* Ask the file system. 0, or -errno. */
static int look_at_file(struct mcsafe_pmem *pmem)
{
	struct statfs fs;
	struct statx st;

	if (fstatfs(pmem->fd, &fs) != 0)
		return -errno;
	pmem->hugetlb = fs.f_type == HUGETLBFS_MAGIC;
	pmem->memory_file = pmem->hugetlb || fs.f_type == TMPFS_MAGIC;
	if (pmem->hugetlb)
		pmem->page_size = pmem->align = (size_t)fs.f_bsize;
	/* Since Linux 5.8. Before that, whether MAP_SYNC works tells. */
	if (statx(pmem->fd, "", AT_EMPTY_PATH, 0, &st) == 0) {
		mcsafe__msan_written(&st, sizeof(st));
		pmem->dax = (st.stx_attributes & STATX_ATTR_DAX) != 0;
	}
	return 0;
}

/* Find out what the descriptor refers to, and its size. */
static int look(struct mcsafe_pmem *pmem, size_t *size)
{
	struct stat st;
	int err;

	if (fstat(pmem->fd, &st) != 0)
		return -errno;
	if (S_ISCHR(st.st_mode)) {
		err = mcsafe__devdax("/sys", st.st_rdev, size, &pmem->page_size);
		pmem->kind = MCSAFE_PMEM_DEVICE;
		pmem->dax = true;
		return err;
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return -ENODEV;
	err = S_ISREG(st.st_mode) ? look_at_file(pmem) : 0;
	return err == 0 ? mcsafe__pmem_file_size(pmem->fd, size) : err;
}

static void ask_at_open(struct mcsafe_pmem *pmem)
{
	struct mcsafe_badblocks_answer answer;

	/* For most memory nobody keeps a list, so an error here does not matter. */
	if ((pmem->flags & MCSAFE_PMEM_NO_ASK) == 0)
		(void)mcsafe_pmem_ask(pmem, &answer);
}

/* Map the file of pmem->fd. */
static int open_mapping(struct mcsafe_pmem *pmem)
{
	size_t size = 0;
	int err = look(pmem, &size);

	if (err == 0)
		err = mcsafe__pmem_reserve(pmem, 0, size);
	if (err == 0)
		err = mcsafe__pmem_map(pmem, &pmem->first, size);
	if (err != 0)
		return err;
	pmem->dax |= pmem->sync;
	pmem->flush = pmem->sync;
	atomic_store(&pmem->size, size);
	ask_at_open(pmem);
	return 0;
}

/* Give the mapping to the caller, or destroy it after an error. */
static int finish(struct mcsafe_pmem **to, struct mcsafe_pmem *pmem, int err)
{
	if (err == 0)
		*to = pmem;
	else
		destroy(pmem);
	return err;
}

/* fallocate(2) needs a descriptor that is open for writing. */
static bool reserves_unwritable(int flags)
{
	return (flags & MCSAFE_PMEM_RESERVE) != 0 && (flags & MCSAFE_PMEM_WRITE) == 0;
}

/* Open by path or, if path is NULL, by descriptor. */
static int open_file(struct mcsafe_pmem **pmem, const char *path, int fd, int flags)
{
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();
	int err = -ENOMEM;
	struct mcsafe_pmem *made;

	if ((flags & ~(path != NULL ? FILE_FLAGS : FD_FLAGS)) != 0 || reserves_unwritable(flags))
		return -EINVAL;
	made = create(flags);
	if (made != NULL) {
		err = path != NULL ? open_path(made, path) : take_fd(made, fd);
		if (err == 0)
			err = open_mapping(made);
		err = finish(pmem, made, err);
	}
	return err;
}

int mcsafe_pmem_open(struct mcsafe_pmem **pmem, const char *path, int flags)
{
	return open_file(pmem, path, -1, flags);
}

int mcsafe_pmem_open_fd(struct mcsafe_pmem **pmem, int fd, int flags)
{
	return open_file(pmem, NULL, fd, flags);
}

/* Take the file from which the caller has mapped len bytes. */
static int take_file(struct mcsafe_pmem *pmem, int fd, size_t offset, size_t len)
{
	size_t end = offset + len, size = 0;
	int err = take_fd(pmem, fd);

	if (err != 0)
		return err;
	pmem->fd_offset = offset;
	if (pmem->file.type != S_IFREG)
		return 0;
	err = look_at_file(pmem);
	if (err == 0)
		err = mcsafe__pmem_file_size(pmem->fd, &size);
	pmem->in_file = size > offset ? size - offset : 0;
	return err == 0 ? mcsafe__pmem_reserve(pmem, offset, end < size ? end : size) : err;
}

int mcsafe_pmem_open_memory(struct mcsafe_pmem **pmem, void *base, size_t len, int fd, off_t offset,
			    int flags)
{
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();
	int err = 0;
	struct mcsafe_pmem *made;

	if ((flags & ~MEMORY_FLAGS) != 0 || (uintptr_t)base % MCSAFE__PAGE != 0 || base == NULL ||
	    len == 0 || len > SSIZE_MAX || mcsafe__wraps((uintptr_t)base, len) || offset < 0 ||
	    (size_t)offset % MCSAFE__PAGE != 0 || len > SSIZE_MAX - (size_t)offset ||
	    (fd == -1 &&
	     (offset != 0 || (flags & (MCSAFE_PMEM_BORROW | MCSAFE_PMEM_RESERVE)) != 0)) ||
	    reserves_unwritable(flags))
		return -EINVAL;
	made = create(flags);
	if (made == NULL)
		return -ENOMEM;
	made->kind = MCSAFE_PMEM_MEMORY;
	if (fd != -1)
		err = take_file(made, fd, (size_t)offset, len);
	made->sync = made->flush = (flags & MCSAFE_PMEM_FLUSH) != 0;
	made->dax |= made->sync;
	made->first.base = base;
	made->first.mapped = len;
	atomic_store(&made->size, len);
	if (err == 0)
		ask_at_open(made);
	err = finish(pmem, made, err);
	return err;
}

void mcsafe__pmem_drop(struct mcsafe_pmem *pmem)
{
	if (atomic_fetch_sub(&pmem->holders, 1) == 1) {
		mcsafe__running_end(&pmem->running);
		free(pmem);
	}
}

/* Either mcsafe_pmem_close() sees that this call runs, and waits; or the call sees that the mapping
 * is closed. Both orders are sequentially consistent. */
bool mcsafe__pmem_step_back(struct mcsafe_pmem *pmem)
{
	bool closed;

	mcsafe__running_enter_locked(&pmem->running);
	closed = atomic_load(&pmem->closed);
	if (closed)
		mcsafe__pmem_leave(pmem);
	mcsafe__pmem_drop(pmem);
	return !closed;
}

void mcsafe_pmem_close(struct mcsafe_pmem *pmem)
{
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();

	if (pmem == NULL)
		return;
	atomic_store(&pmem->closed, true);
	mcsafe__running_wait(&pmem->running);
	destroy(pmem);
}

void mcsafe_pmem_get_info(const struct mcsafe_pmem *pmem, struct mcsafe_pmem_info *info)
{
	*info = (struct mcsafe_pmem_info){
		.kind = pmem->kind,
		.persistence = pmem->flush ? MCSAFE_PMEM_BY_FLUSH : MCSAFE_PMEM_BY_MSYNC,
		.dax = pmem->dax,
		.sync = pmem->sync,
		.writable = (pmem->flags & MCSAFE_PMEM_WRITE) != 0,
		.size = atomic_load_explicit(&pmem->size, memory_order_acquire),
		.page_size = pmem->page_size,
		.align = pmem->align,
	};
	info->base = atomic_load_explicit(&pmem->view, memory_order_acquire)->base;
}
