/* SPDX-License-Identifier: BSD-3-Clause */
/* medium.c - ask the kernel about the file of a mapping: size, loss, space, holes */
#include "medium.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/errno_kept.h"
#include "base/no_cancel.h"

/* linux/magic.h lacks these, or that of older kernels does. */
#define BCACHEFS_MAGIC 0xca451a4eu
#define EXFAT_MAGIC    0x2011bab0u
#define JFS_MAGIC      0x3153464au
#define NTFS_MAGIC     0x7366746eu
#define XFS_MAGIC      0x58465342u
#define ZFS_MAGIC      0x2fc12fc1u

/* ---- size ------------------------------------------------------------------------------------ */

int mcsafe__medium_size(const struct mcsafe_pmem *pmem, size_t *size)
{
	struct stat st;

	if (pmem->fd < 0 || fstat(pmem->fd, &st) != 0 || !mcsafe__stat_is_same(&st, &pmem->file))
		return -EBADF;
	*size = SIZE_MAX;
	return S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)
		       ? mcsafe__pmem_size_of(pmem->fd, &st, size)
		       : 0;
}

size_t mcsafe__medium_end(const struct mcsafe_pmem *pmem)
{
	size_t size;

	if (mcsafe__medium_size(pmem, &size) != 0 || size == SIZE_MAX)
		return SIZE_MAX;
	size = mcsafe__up(size, pmem->page_size);
	return size > pmem->fd_offset ? size - pmem->fd_offset : 0;
}

bool mcsafe__medium_has_page(const struct mcsafe_pmem *pmem, size_t at)
{
	return at < mcsafe__medium_end(pmem);
}

/* ---- loss ------------------------------------------------------------------------------------ */

/*
 * Whether the data are on this machine. A server or another process may be away for a while, and
 * the kernel then reports EIO for good data: nfs(5), "soft"; mount.cifs(8), "soft"; and
 * Documentation/filesystems/fuse.rst. What lies below overlayfs or eCryptfs may be such a file
 * system, so only file systems count that keep the data themselves.
 */
static bool is_local(const struct mcsafe_pmem *pmem)
{
	struct statfs fs;

	if (pmem->file.type == S_IFBLK)
		return true;
	if (fstatfs(pmem->fd, &fs) != 0)
		return false;
	switch ((uint32_t)fs.f_type) {
	case BCACHEFS_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case EXFAT_MAGIC:
	case EXT4_SUPER_MAGIC: /* ext2 and ext3 have the same */
	case F2FS_SUPER_MAGIC:
	case HUGETLBFS_MAGIC:
	case ISOFS_SUPER_MAGIC:
	case JFS_MAGIC:
	case MSDOS_SUPER_MAGIC:
	case NILFS_SUPER_MAGIC:
	case NTFS_MAGIC:
	case RAMFS_MAGIC:
	case SQUASHFS_MAGIC:
	case TMPFS_MAGIC:
	case XFS_MAGIC:
	case ZFS_MAGIC:
		return true;
	default:
		return false;
	}
}

/* pread(2), repeated if a signal interrupts it. False: errno says why. */
static bool reads(int fd, void *to, size_t n, size_t at)
{
	ssize_t got;

	do
		got = pread(fd, to, n, (off_t)at);
	while (got < 0 && errno == EINTR);
	return got >= 0;
}

/* Read all of the page that a byte is in. 0, or an errno value. */
static int read_page(int fd, size_t at)
{
	void *page = aligned_alloc(MCSAFE__PAGE, MCSAFE__PAGE);
	int error = 0;

	if (page == NULL)
		return ENOMEM;
	if (!reads(fd, page, MCSAFE__PAGE, mcsafe__down(at, MCSAFE__PAGE)))
		error = errno;
	free(page);
	return error;
}

/* Whether pread(2) of a byte says that it is lost. With O_DIRECT a whole page must be read, into a
 * buffer that is aligned: the stack may have no room for it. */
static bool is_unreadable(int fd, size_t at)
{
	unsigned char byte;
	int error = 0;

	if (!reads(fd, &byte, 1, at))
		error = errno == EINVAL ? read_page(fd, at) : errno;
	return error == EIO || error == EHWPOISON;
}

bool mcsafe__medium_has_lost(const struct mcsafe_pmem *pmem, size_t at)
{
	size_t before, after, byte = pmem->fd_offset + at;

	if (mcsafe__medium_size(pmem, &before) != 0 || before == SIZE_MAX)
		return false;
	/* If the access was past the end of the file, but in its last page. */
	if (byte >= before)
		byte = mcsafe__down(byte, MCSAFE__PAGE);
	if (byte >= before || !is_local(pmem) || !is_unreadable(pmem->fd, byte))
		return false;
	return mcsafe__medium_size(pmem, &after) == 0 && after == before;
}

/* ---- space ----------------------------------------------------------------------------------- */

int mcsafe__medium_make_room(const struct mcsafe_pmem *pmem, size_t at)
{
	size_t page = mcsafe__down(pmem->fd_offset + at, pmem->page_size);
	size_t size;
	int err;

	if (mcsafe__medium_size(pmem, &size) != 0 || pmem->file.type != S_IFREG || page >= size)
		return -EIO;
	do
		err = fallocate(pmem->fd, FALLOC_FL_KEEP_SIZE, (off_t)page, (off_t)pmem->page_size);
	while (err != 0 && errno == EINTR);
	if (err == 0)
		return 0;
	/* ENOMEM: hugetlbfs has no free huge page. */
	return errno == ENOSPC || errno == EDQUOT || (errno == ENOMEM && pmem->hugetlb) ? -ENOSPC
											: -EIO;
}

/* ---- holes ----------------------------------------------------------------------------------- */

#define NONE (-1)

/* The program's descriptor and our duplicate have one file position. Open the file again, to have
 * one of our own. Without /proc there is none; and with MCSAFE_PMEM_BORROW, because closing it
 * would remove record locks. */
static int open_seeker(const struct mcsafe_pmem *pmem)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	struct mcsafe__file_id file;
	int fd;

	if ((pmem->flags & MCSAFE_PMEM_BORROW) != 0 || !mcsafe__pmem_has_file(pmem))
		return NONE;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", pmem->fd);
	fd = mcsafe__fd_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &file);
	if (fd < 0)
		return NONE;
	if (mcsafe__fd_is_same(fd, &pmem->file))
		return fd;
	mcsafe__fd_close(fd, &file);
	return NONE;
}

/* Only one thread opens it. Another one would have to close what it has opened, and that would
 * remove the record locks of the program. */
static int open_once(struct mcsafe_pmem *pmem)
{
	MCSAFE__NO_CANCEL();
	int fd;

	pthread_mutex_lock(&pmem->noting);
	fd = atomic_load(&pmem->seeker);
	if (fd == 0) {
		fd = open_seeker(pmem);
		atomic_store(&pmem->seeker, fd);
	}
	pthread_mutex_unlock(&pmem->noting);
	return fd;
}

/* A descriptor of the file whose position may be moved, or NONE. */
static int seeker(struct mcsafe_pmem *pmem)
{
	int fd = pmem->own_position ? pmem->fd : atomic_load(&pmem->seeker);

	if (fd == 0)
		fd = open_once(pmem);
	return fd != NONE && mcsafe__fd_is_same(fd, &pmem->file) ? fd : NONE;
}

/* Find the end of the data that the file has from its start on. */
static void look_for_hole(struct mcsafe_pmem *pmem, int fd, size_t from)
{
	off_t hole = lseek(fd, (off_t)from, SEEK_HOLE);

	if (hole > (off_t)from)
		(void)atomic_compare_exchange_strong(&pmem->no_hole, &from, (size_t)hole);
}

size_t mcsafe__medium_run(struct mcsafe_pmem *pmem, size_t offset, size_t n, bool *hole)
{
	size_t no_hole = atomic_load_explicit(&pmem->no_hole, memory_order_relaxed);
	MCSAFE__KEEP_ERRNO();
	off_t at = (off_t)offset, end;
	int fd;

	*hole = false;
	if (!pmem->memory_file || pmem->hugetlb || pmem->kind != MCSAFE_PMEM_FILE ||
	    offset + n <= no_hole)
		return n;
	fd = seeker(pmem);
	if (fd == NONE)
		return n;
	look_for_hole(pmem, fd, no_hole);
	/* The end of the file counts as a hole. -1: the offset is past it, so that an access tells
	 * that the file was truncated. */
	end = lseek(fd, at, SEEK_HOLE);
	if (end == at) {
		end = lseek(fd, at, SEEK_DATA);
		if (end < 0) /* no data follow */
			end = lseek(fd, 0, SEEK_END);
		*hole = end > at;
	}
	return end > at && (size_t)(end - at) < n ? (size_t)(end - at) : n;
}

void mcsafe__medium_has_holes(struct mcsafe_pmem *pmem)
{
	atomic_store(&pmem->no_hole, 0);
}

void mcsafe__medium_forget(struct mcsafe_pmem *pmem)
{
	int fd = atomic_load(&pmem->seeker);

	if (fd != 0 && fd != NONE)
		mcsafe__fd_close(fd, &pmem->file);
}
