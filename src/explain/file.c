/* SPDX-License-Identifier: BSD-3-Clause */
/* file.c - find the file of a mapping: by the kernel's link, by its path, or by a descriptor */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/msan.h"
#include "numbers.h"

#define OPEN_FLAGS (O_PATH | O_CLOEXEC)

/* ---- servers --------------------------------------------------------------------------------- */

bool mcsafe__is_away(int error)
{
	switch (error) {
	case ENOTCONN: /* FUSE: the server has ended (Documentation/filesystems/fuse.rst) */
	case ETIMEDOUT:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ECONNABORTED:
	case ECONNREFUSED:
	case ECONNRESET:
	case ENETDOWN:
	case ENETUNREACH:
	case ESHUTDOWN:
		return true;
	default:
		return false;
	}
}

/* Remember what a failed call about the file says about its server. */
static void note_away(struct mcsafe__file *file)
{
	if (file->away == 0 && mcsafe__is_away(errno))
		file->away = errno;
}

/* ---- identity -------------------------------------------------------------------------------- */

/* On these file systems, stat(2) and /proc/self/maps give different devices for a file. */
static bool has_two_devices(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && ((unsigned)fs.f_type == BTRFS_SUPER_MAGIC ||
					 (unsigned)fs.f_type == OVERLAYFS_SUPER_MAGIC);
}

/* Whether the open file is the mapped one: file->st if that is known already, else by what the
 * mapping says. */
static bool is_mapped(const struct mcsafe__place *place, const struct mcsafe__file *file, int fd,
		      const struct stat *st)
{
	if (file->fd >= 0)
		return st->st_dev == file->st.st_dev && st->st_ino == file->st.st_ino;
	return st->st_ino == place->inode && (st->st_dev == place->device || has_two_devices(fd));
}

/* Open a name. If it is the mapped file, keep the descriptor if there is none yet. */
static bool take(const struct mcsafe__place *place, struct mcsafe__file *file, const char *name)
{
	int fd = mcsafe__above_standard(open(name, OPEN_FLAGS));
	struct stat st;
	bool found;

	if (fd < 0 || fstat(fd, &st) != 0) {
		note_away(file);
		if (fd >= 0)
			close(fd);
		return false;
	}
	found = is_mapped(place, file, fd, &st);
	if (!found || file->fd >= 0) {
		close(fd);
		return found;
	}
	file->fd = fd;
	file->st = st;
	return true;
}

/* ---- three ways to the file ------------------------------------------------------------------ */

/* proc_pid_map_files(5): a link to the file itself, even if the file has no name. Following it
 * needs a capability. */
static void take_link(const struct mcsafe__place *place, struct mcsafe__file *file)
{
	char name[MCSAFE__PLACE_LINK];
	int fd;

	mcsafe__place_link(place, name);
	fd = mcsafe__above_standard(open(name, OPEN_FLAGS));
	if (fd < 0)
		return;
	if (fstat(fd, &file->st) == 0) {
		file->fd = fd;
		return;
	}
	note_away(file);
	close(fd);
}

#define DELETED " (deleted)"

/* The suffix, which a file that exists can have in its name too; NULL: there is none. */
static char *deleted_suffix(char *path)
{
	size_t n = strlen(path), suffix = sizeof(DELETED) - 1;

	return n > suffix && strcmp(path + n - suffix, DELETED) == 0 ? path + n - suffix : NULL;
}

static bool take_path(const struct mcsafe__place *place, struct mcsafe__file *file, char *path)
{
	char *suffix;

	if (place->is_cut || path[0] != '/')
		return false;
	if (take(place, file, path))
		return true;
	suffix = deleted_suffix(path);
	if (suffix == NULL)
		return false;
	*suffix = '\0';
	if (take(place, file, path))
		return true;
	*suffix = DELETED[0];
	return false;
}

/* getdents64(2) */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

/* A descriptor of this process, opened again. It may be another file by then, so look again. */
static bool take_descriptor(const struct mcsafe__place *place, struct mcsafe__file *file,
			    const char *number)
{
	char name[64], *end = mcsafe__append(name, "/proc/self/fd/");
	struct stat st;

	if (number[0] < '0' || number[0] > '9')
		return false;
	(void)mcsafe__append(end, number);
	return stat(name, &st) == 0 && st.st_ino == place->inode && take(place, file, name);
}

/* A file without a name, and without that capability: the process may still have it open. */
static void take_any_descriptor(const struct mcsafe__place *place, struct mcsafe__file *file)
{
	_Alignas(struct entry) char buffer[1024];
	int dir = mcsafe__above_standard(open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	long n;

	if (dir < 0)
		return;
	while (file->fd < 0 && (n = syscall(SYS_getdents64, dir, buffer, sizeof(buffer))) > 0) {
		mcsafe__msan_written(buffer, (size_t)n);
		for (long at = 0; file->fd < 0 && at < n;) {
			const struct entry *entry = (const void *)(buffer + at);

			(void)take_descriptor(place, file, entry->name);
			at += entry->size;
		}
	}
	close(dir);
}

/* ---- files that the kernel keeps for itself -------------------------------------------------- */

/* memfd_create(2): MFD_HUGETLB, and the logarithm of the size of a page at this bit. */
#ifndef MFD_HUGE_SHIFT
# define MFD_HUGE_SHIFT 26
#endif

/* Such files are on mounts that have no path. A memfd is on one of them, which its flags choose. */
static bool is_where_memfd_is(const struct mcsafe__place *place, unsigned flags)
{
	int fd = mcsafe__above_standard(
		(int)syscall(SYS_memfd_create, "mcsafe", MFD_CLOEXEC | flags));
	struct stat st;
	bool same;

	if (fd < 0)
		return false;
	same = fstat(fd, &st) == 0 && st.st_dev == place->device;
	close(fd);
	return same;
}

/* There is one mount for each size of huge pages: 2 MiB and 1 GiB on x86. The size of a page of the
 * mapping is not known if only the text was read. */
static size_t internal_huge_page(const struct mcsafe__place *place)
{
	static const unsigned logs[] = {21, 30};

	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		size_t size = (size_t)1 << logs[i];

		if ((place->page_size == 0 || place->page_size == size) &&
		    is_where_memfd_is(place, MFD_HUGETLB | logs[i] << MFD_HUGE_SHIFT))
			return size;
	}
	return 0;
}

static bool is_internal(const struct mcsafe__place *place, struct mcsafe__file *file)
{
	file->huge_page = internal_huge_page(place);
	file->is_internal = file->huge_page != 0 || is_where_memfd_is(place, 0);
	return file->is_internal;
}

/* mmap(2) with MAP_SHARED and MAP_ANONYMOUS shows "/dev/zero", and with MAP_HUGETLB
 * "/anon_hugepage", with and without MAP_SHARED: proc_pid_maps(5). Nobody gave these names. */
static void set_internal_name(struct mcsafe__file *file, char *path)
{
	file->is_deleted = file->is_unchecked = false;
	if (strcmp(path, "/dev/zero") == 0 || strcmp(path, "/anon_hugepage") == 0)
		path[0] = '\0';
	else
		memmove(path, path + 1, strlen(path));
}

void mcsafe__file_find(const struct mcsafe__place *place, struct mcsafe__file *file, char *path)
{
	char *suffix;

	*file = (struct mcsafe__file){.fd = -1};
	if (path[0] == '\0' || path[0] == '[')
		return;
	take_link(place, file);
	file->is_unchecked = !take_path(place, file, path);
	suffix = deleted_suffix(path);
	if (file->is_unchecked && suffix != NULL) {
		*suffix = '\0';
		file->is_deleted = true;
	}
	if (file->fd < 0)
		take_any_descriptor(place, file);
	if (file->fd >= 0) {
		file->has_fs = fstatfs(file->fd, &file->fs) == 0;
		if (!file->has_fs)
			note_away(file);
	}
	if (file->is_deleted && is_internal(place, file))
		set_internal_name(file, path);
}

void mcsafe__file_close(const struct mcsafe__file *file)
{
	if (file->fd >= 0)
		close(file->fd);
}

/* ---- facts ----------------------------------------------------------------------------------- */

#define SECTOR 512 /* the unit of /sys/dev/block/.../size */

/* /sys/dev/block/8:1 is a link, whose last part is the name of the device. */
static bool block_device_name(dev_t device, char *name, size_t room)
{
	char link[64], target[512], *end = mcsafe__append(link, "/sys/dev/block/");
	const char *last;
	ssize_t n;

	end = mcsafe__append_number(end, major(device), 10);
	(void)mcsafe__append_number(mcsafe__append(end, ":"), minor(device), 10);
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	last = strrchr(target, '/');
	if (last == NULL || strlen(last) >= room)
		return false;
	(void)mcsafe__append(name, last);
	return true;
}

bool mcsafe__file_kept_back(const struct mcsafe__file *file, uint64_t *blocks)
{
	char name[128], path[192];

	if (!block_device_name(file->st.st_dev, name, sizeof(name)))
		return false;
	(void)mcsafe__append(mcsafe__append(mcsafe__append(path, "/sys/fs/ext4"), name),
			     "/reserved_clusters");
	return mcsafe__read_number(path, blocks);
}

static off_t device_size(const char *class, dev_t device, off_t unit)
{
	char name[64], *end = mcsafe__append(name, class);
	uint64_t size;

	end = mcsafe__append_number(end, major(device), 10);
	end = mcsafe__append(end, ":");
	end = mcsafe__append_number(end, minor(device), 10);
	(void)mcsafe__append(end, "/size");
	return mcsafe__read_number(name, &size) ? (off_t)size * unit : -1;
}

off_t mcsafe__file_size(const struct mcsafe__file *file)
{
	if (file->fd < 0)
		return -1;
	if (S_ISREG(file->st.st_mode))
		return file->st.st_size;
	if (S_ISBLK(file->st.st_mode))
		return device_size("/sys/dev/block/", file->st.st_rdev, SECTOR);
	if (S_ISCHR(file->st.st_mode))
		return device_size("/sys/dev/char/", file->st.st_rdev, 1);
	return -1;
}
