/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * file.c - the file of a shield: found, and kept open
 *
 * Shields of one file share its descriptors. A program may have a shield for each record of a file,
 * and has not so many descriptors. All calls are under the control lock.
 */
#include "shield.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

/* A file that is kept open. Each file is in the list once. */
struct mcsafe__shield_file {
	struct mcsafe__kept file, reader; /* as in a shield, if the program has not closed them */
	size_t users;                     /* shields */
	struct mcsafe__shield_file *next;
};

/* A child of fork(2) may find a file that is in the list or not. In either case it is only not
 * closed. */
static struct mcsafe__shield_file *files;

/* ---- which file it is ------------------------------------------------------------------------ */

static bool is_file_of(const struct mcsafe__file_id *id, const struct mcsafe__origin *origin)
{
	return id->ino == origin->inode && id->dev == origin->device;
}

bool mcsafe__shield_is_hugetlbfs(int fd, size_t *page)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0 || fs.f_type != HUGETLBFS_MAGIC)
		return false;
	*page = (size_t)fs.f_bsize;
	return true;
}

/* Whether a mapping of the file is shown as the one of the shield is. That decides if fstat(2)
 * tells another device than /proc/self/maps, as it does on btrfs, and on old kernels' overlayfs */
static bool is_mapped_alike(int fd, const struct mcsafe__origin *origin)
{
	struct mcsafe__vma vma;
	size_t huge;
	void *page;
	bool is_alike;

	/* To map a device could change it. hugetlbfs has no such differences. */
	if (origin->inode == 0 || mcsafe__shield_is_hugetlbfs(fd, &huge))
		return false;
	page = mmap(NULL, MCSAFE__PAGE, PROT_NONE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return false;
	is_alike = mcsafe__vma_at((uintptr_t)page, &vma) == MCSAFE__MAPPED &&
		   vma.inode == origin->inode && vma.device == origin->device;
	munmap(page, MCSAFE__PAGE);
	return is_alike;
}

/* ---- the files that are kept ----------------------------------------------------------------- */

/* Whether the number still is ours. The program may have closed it, and opened the same file there.
 * But not with O_PATH. */
static bool is_ours(const struct mcsafe__kept *file)
{
	int flags = fcntl(file->fd, F_GETFL);

	return flags >= 0 && (flags & O_PATH) && mcsafe__fd_is_same(file->fd, &file->id);
}

/* The file in the list, as fstat(2) tells it; NULL: none. What /proc/self/maps tells does not do:
 * it shows the same device for all subvolumes of btrfs, which have inodes of the same number. */
static struct mcsafe__shield_file *known(dev_t dev, ino_t ino)
{
	struct mcsafe__shield_file *file = files;

	while (file != NULL && (file->file.id.dev != dev || file->file.id.ino != ino))
		file = file->next;
	return file;
}

static void use(struct mcsafe_shield *shield, struct mcsafe__shield_file *file)
{
	file->users++;
	shield->kept_file = file;
	shield->file = file->file;
}

/* Use a file of the list that is still open. Returns whether there is one. As long as it is open,
 * its inode is not given to another file. */
static bool use_known(struct mcsafe_shield *shield, dev_t dev, ino_t ino)
{
	struct mcsafe__shield_file *file = known(dev, ino);

	if (file == NULL || !is_ours(&file->file))
		return false;
	use(shield, file);
	return true;
}

/* Use a file that was just opened, and is closed in case of an error. 0, or -ENOMEM. */
static int use_new(struct mcsafe_shield *shield, const struct mcsafe__kept *kept)
{
	struct mcsafe__shield_file *file = known(kept->id.dev, kept->id.ino);

	/* The program has closed its number, which may be the new one. Two files with that number
	 * would close it for each other. */
	if (file != NULL) {
		file->file = *kept;
		use(shield, file);
		return 0;
	}
	file = malloc(sizeof(*file));
	if (file == NULL) {
		close(kept->fd);
		return -ENOMEM;
	}
	*file = (struct mcsafe__shield_file){.file = *kept, .reader.fd = -1, .next = files};
	files = file;
	use(shield, file);
	return 0;
}

/* ---- keep ------------------------------------------------------------------------------------ */

int mcsafe__shield_keep_file(struct mcsafe_shield *shield, int fd)
{
	struct mcsafe__file_id id;
	struct mcsafe__kept kept;
	char path[32];
	int err = mcsafe__fd_identify(fd, &id);

	if (err != 0)
		return err;
	if (!is_file_of(&id, &shield->origin) &&
	    !(S_ISREG(id.type) && is_mapped_alike(fd, &shield->origin)))
		return -EINVAL;
	if (use_known(shield, id.dev, id.ino))
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	kept.fd = mcsafe__fd_open(AT_FDCWD, path, O_PATH, &kept.id);
	if (kept.fd < 0)
		return kept.fd;
	/* Another thread may have closed the number. */
	if (!mcsafe__fd_is_same(kept.fd, &id)) {
		close(kept.fd);
		return -EBADF;
	}
	return use_new(shield, &kept);
}

void mcsafe__shield_find_file(struct mcsafe_shield *shield, const char *path)
{
	struct mcsafe__kept kept;

	if (shield->origin.inode == 0 || *path != '/' ||
	    use_known(shield, shield->origin.device, shield->origin.inode))
		return;
	kept.fd = mcsafe__fd_open(AT_FDCWD, path, O_PATH, &kept.id);
	if (kept.fd < 0)
		return;
	if (is_file_of(&kept.id, &shield->origin))
		(void)use_new(shield, &kept);
	else
		close(kept.fd);
}

int mcsafe__shield_open_again(const struct mcsafe_shield *shield, int flags,
			      struct mcsafe__file_id *id)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", shield->file.fd);
	fd = mcsafe__fd_open(AT_FDCWD, path, flags | O_NONBLOCK, id);
	/* The program may have closed the number, and opened something else. */
	if (fd >= 0 && !mcsafe__fd_is_same(fd, &shield->file.id)) {
		close(fd);
		return -EBADF;
	}
	return fd;
}

void mcsafe__shield_keep_reader(struct mcsafe_shield *shield)
{
	struct mcsafe__kept *reader = &shield->kept_file->reader;

	/* The program may have closed either number. The file may have got that of the reader. */
	if (reader->fd < 0 || reader->fd == shield->file.fd ||
	    !mcsafe__fd_is_same(reader->fd, &reader->id)) {
		reader->fd = mcsafe__shield_open_again(shield, O_RDWR, &reader->id);
		if (reader->fd < 0)
			reader->fd = mcsafe__shield_open_again(shield, O_RDONLY, &reader->id);
	}
	shield->reader = *reader;
}

void mcsafe__shield_end_file(struct mcsafe_shield *shield)
{
	struct mcsafe__shield_file *file = shield->kept_file, **at = &files;

	if (file == NULL || --file->users > 0)
		return;
	while (*at != file)
		at = &(*at)->next;
	*at = file->next;
	if (file->reader.fd >= 0)
		mcsafe__fd_close(file->reader.fd, &file->reader.id);
	if (is_ours(&file->file))
		mcsafe__fd_close(file->file.fd, &file->file.id);
	free(file);
}
