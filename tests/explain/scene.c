/* SPDX-License-Identifier: BSD-3-Clause */
/* scene.c - each reason, made to happen */
#include "scene.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mcsafe/inject.h>

#include "basics.h"
#include "check.h"

#define MIB ((size_t)1 << 20)

#define NOT_ROOT "only root can mount"

bool scene_own_mounts(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

static void set_path(struct scene *scene, const char *name)
{
	snprintf(scene->path, sizeof(scene->path), "%s/%s", scene->dir, name);
}

static void write_pages(int fd, size_t pages)
{
	static char page[T_PAGE];

	memset(page, 0x5a, sizeof(page));
	for (size_t i = 0; i < pages; i++)
		CHECK_EQ(write(fd, page, sizeof(page)), (ssize_t)sizeof(page));
}

static unsigned char *map(int fd, size_t size, int flags)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	CHECK(at != MAP_FAILED);
	return at;
}

/* The size of memory that has no descriptor can be had only with the capability that
 * proc_pid_map_files(5) needs. */
static off_t size_without_descriptor(const void *map, size_t size)
{
	char link[100];
	int fd;

	snprintf(link, sizeof(link), "/proc/self/map_files/%lx-%lx", (unsigned long)(uintptr_t)map,
		 (unsigned long)(uintptr_t)map + size);
	fd = open(link, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -1;
	close(fd);
	return (off_t)size;
}

/* Map 8 pages of a file that has 4, and let page 6 be the one that fails. */
static const char *use_truncated(struct scene *scene, int fd)
{
	CHECK(fd >= 0);
	write_pages(fd, 8);
	scene->at = map(fd, 8 * T_PAGE, MAP_SHARED) + 6 * T_PAGE + 5;
	scene->offset = 6 * (off_t)T_PAGE + 5;
	scene->len = 2 * T_PAGE - 5;
	scene->file_size = 3 * (off_t)T_PAGE + 1;
	CHECK_EQ(ftruncate(fd, scene->file_size), 0);
	return NULL;
}

static const char *truncated(struct scene *scene)
{
	set_path(scene, "frames");
	return use_truncated(scene, open(scene->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

static const char *truncated_memfd(struct scene *scene)
{
	snprintf(scene->path, sizeof(scene->path), "memfd:frames");
	return use_truncated(scene, memfd_create("frames", MFD_CLOEXEC));
}

/* The longest path that open(2) takes, of names that are hard to print. The last one looks like a
 * file that was removed. */
static int open_odd(struct scene *scene)
{
	static const char name[] = "/new\nline \\012 \x1b[2J \xc2\x9b \xff \xc3\xa4\\";
	static const char last[] = "/x (deleted)";
	size_t longest = 4095 - (sizeof(last) - 1), n;

	n = (size_t)snprintf(scene->path, sizeof(scene->path), "%s", scene->dir);
	while (n < longest) {
		size_t more = longest - n < 200 ? longest - n : 200;

		/* A name has one byte at least. */
		if (longest - n - more == 1)
			more--;
		memset(scene->path + n, 'y', more);
		memcpy(scene->path + n, name, more < sizeof(name) - 1 ? 1 : sizeof(name) - 1);
		n += more;
		scene->path[n] = '\0';
		CHECK_EQ(mkdir(scene->path, 0700), 0);
	}
	memcpy(scene->path + n, last, sizeof(last));
	CHECK_EQ(strlen(scene->path), 4095u);
	return open(scene->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static const char *odd_path(struct scene *scene)
{
	return use_truncated(scene, open_odd(scene));
}

/* The mark of the kernel makes the path longer than a page. */
static const char *removed(struct scene *scene)
{
	int fd;

	set_path(scene, "new\nline \\012 (deleted)");
	fd = open(scene->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK_EQ(unlink(scene->path), 0);
	scene->flags = MCSAFE_EXPLANATION_DELETED;
	return use_truncated(scene, fd);
}

/* ---- space ----------------------------------------------------------------------------------- */

static void fill(const char *path)
{
	static char block[64 * 1024];
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	size_t n = sizeof(block);

	CHECK(fd >= 0);
	while (n > 0) {
		ssize_t done = write(fd, block, n);

		CHECK(done > 0 || errno == ENOSPC || errno == EINTR);
		if (done <= 0 && errno == ENOSPC)
			n /= 2;
	}
	CHECK_EQ(fsync(fd), 0);
	close(fd);
}

/* A file of 8 pages, of which the first has data, on a file system in dir that becomes full. */
static const char *use_sparse(struct scene *scene, const char *dir)
{
	char other[SCENE_PATH];
	int fd;

	snprintf(scene->path, sizeof(scene->path), "%s/frames", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	fd = open(scene->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	write_pages(fd, 1);
	scene->file_size = 8 * (off_t)T_PAGE;
	CHECK_EQ(ftruncate(fd, scene->file_size), 0);
	fill(other);
	scene->at = map(fd, 8 * T_PAGE, MAP_SHARED) + 4 * T_PAGE + 96;
	scene->offset = 4 * (off_t)T_PAGE + 96;
	scene->len = T_PAGE - 96;
	return NULL;
}

static const char *full_tmpfs(struct scene *scene)
{
	if (!scene_own_mounts())
		return NOT_ROOT;
	CHECK_EQ(mount("mcsafe", scene->dir, "tmpfs", 0, "size=256k"), 0);
	return use_sparse(scene, scene->dir);
}

/* The page has data, so it needs no space. */
static const char *full_but_there(struct scene *scene)
{
	const char *why = full_tmpfs(scene);

	if (why != NULL)
		return why;
	scene->imitated = MCSAFE_CAUSE_IO;
	scene->at -= scene->offset;
	scene->offset = 0;
	scene->len = T_PAGE;
	return NULL;
}

/* Attach a file to a free loop device, which detaches when nobody uses it. Returns the descriptor
 * of the device, and its name in *device; -1: there is none. */
static int attach(const char *image, char *device, size_t room)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int file = open(image, O_RDWR | O_CLOEXEC), loop = -1;

	for (int attempt = 0; control >= 0 && loop < 0 && attempt < 50; attempt++) {
		struct loop_config config = {.fd = (unsigned)file,
					     .block_size = 512,
					     .info.lo_flags = LO_FLAGS_AUTOCLEAR};

		snprintf(device, room, "/dev/loop%d", ioctl(control, LOOP_CTL_GET_FREE));
		loop = open(device, O_RDWR | O_CLOEXEC);
		/* EBUSY: another process has been faster. */
		if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config) != 0) {
			close(loop);
			loop = -1;
		}
	}
	close(file);
	if (control >= 0)
		close(control);
	return loop;
}

static void make_image(char *image, size_t room, const struct scene *scene, size_t size)
{
	int fd;

	snprintf(image, room, "%s/image", scene->dir);
	fd = open(image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

static bool make_ext4(char *image)
{
	char *const argv[] = {(char[]){"mke2fs"},
			      (char[]){"-q"},
			      (char[]){"-F"},
			      (char[]){"-t"},
			      (char[]){"ext4"},
			      image,
			      NULL};
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execv("/sbin/mke2fs", argv);
		_exit(1);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return status == 0;
}

/* Make an ext4 file system and mount it at dir/mnt. NULL, or why that is impossible. */
static const char *mount_ext4(const struct scene *scene, char *dir, size_t room,
			      const char *options)
{
	char image[SCENE_PATH], device[32];
	int loop;

	if (!scene_own_mounts())
		return NOT_ROOT;
	make_image(image, sizeof(image), scene, 16 * MIB);
	if (!make_ext4(image))
		return "there is no mke2fs";
	loop = attach(image, device, sizeof(device));
	if (loop < 0)
		return "there is no loop device";
	snprintf(dir, room, "%s/mnt", scene->dir);
	CHECK_EQ(mkdir(dir, 0700), 0);
	CHECK_EQ(mount(device, dir, "ext4", 0, options), 0);
	close(loop);
	return NULL;
}

static const char *full_ext4(struct scene *scene)
{
	char dir[SCENE_PATH - 100];
	const char *why = mount_ext4(scene, dir, sizeof(dir), NULL);

	return why != NULL ? why : use_sparse(scene, dir);
}

/* Full for everybody but root: mke2fs keeps blocks back. */
static const char *reserved_ext4(struct scene *scene)
{
	char dir[SCENE_PATH - 100], base[SCENE_PATH];
	const char *why = mount_ext4(scene, dir, sizeof(dir), NULL);

	if (why != NULL)
		return why;
	snprintf(base, sizeof(base), "%s/..", scene->dir);
	CHECK_EQ(chmod(base, 0711), 0);
	CHECK_EQ(chmod(scene->dir, 0711), 0);
	CHECK_EQ(chmod(dir, 0777), 0);
	CHECK_EQ(seteuid(65534), 0);
	return use_sparse(scene, dir);
}

/* ---- media ----------------------------------------------------------------------------------- */

/* The file system notices an error, and becomes read-only while a file is mapped. A store to a hole
 * then fails, unless the block is chosen later (nodelalloc). */
static const char *aborted_ext4(struct scene *scene)
{
	char dir[SCENE_PATH - 100];
	const char *why = mount_ext4(scene, dir, sizeof(dir), "errors=remount-ro,nodelalloc");
	int fd;

	if (why != NULL)
		return why;
	snprintf(scene->path, sizeof(scene->path), "%s/frames", dir);
	fd = open(scene->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	scene->file_size = 8 * (off_t)T_PAGE;
	CHECK_EQ(ftruncate(fd, scene->file_size), 0);
	CHECK_EQ(fsync(fd), 0);
	scene->at = map(fd, 8 * T_PAGE, MAP_SHARED) + 2 * T_PAGE;
	scene->offset = 2 * (off_t)T_PAGE;
	scene->len = T_PAGE;
	if (mount(NULL, dir, NULL, MS_REMOUNT, "abort") != 0)
		return "ext4 cannot be aborted";
	return NULL;
}

/* A loop device whose image becomes shorter: it reports EIO for what is missing. */
static const char *use_short_device(struct scene *scene, size_t at)
{
	char image[SCENE_PATH];
	int loop;

	if (!scene_own_mounts())
		return NOT_ROOT;
	make_image(image, sizeof(image), scene, 4 * MIB);
	loop = attach(image, scene->path, sizeof(scene->path));
	if (loop < 0)
		return "there is no loop device";
	scene->at = map(loop, 8 * MIB, MAP_SHARED) + at;
	scene->offset = (off_t)at;
	scene->file_size = 4 * (off_t)MIB;
	scene->len = T_PAGE;
	CHECK_EQ(truncate(image, (off_t)MIB), 0);
	return NULL;
}

static const char *bad_device(struct scene *scene)
{
	return use_short_device(scene, 3 * MIB);
}

static const char *device_end(struct scene *scene)
{
	const char *why = use_short_device(scene, 5 * MIB);

	scene->len = 3 * MIB;
	return why;
}

static const char *dead_server(struct scene *scene)
{
	pid_t server;
	int fd;

	if (!scene_own_mounts())
		return NOT_ROOT;
	server = scene_fuse_server(scene->dir, "frames", 8 * T_PAGE);
	if (server < 0)
		return "there is no FUSE";
	set_path(scene, "frames");
	fd = open(scene->path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	scene->at = mmap(NULL, 8 * T_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(scene->at != MAP_FAILED);
	CHECK_EQ(scene->at[0], 0x5a);
	close(fd);
	CHECK_EQ(kill(server, SIGKILL), 0);
	CHECK_EQ(waitpid(server, NULL, 0), server);
	scene->at += 7 * T_PAGE;
	scene->offset = 7 * (off_t)T_PAGE;
	scene->len = T_PAGE;
	scene->file_size = -1;
	/* The path leads to the file system, which cannot be asked for the file. */
	scene->flags = MCSAFE_EXPLANATION_UNCHECKED;
	return NULL;
}

/* ---- huge pages ------------------------------------------------------------------------------ */

#ifndef MAP_HUGE_1GB
# define MAP_HUGE_1GB (30 << 26)
#endif
#ifndef MAP_HUGE_2MB
# define MAP_HUGE_2MB (21 << 26)
#endif
#define HUGE_FLAGS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE)

static long read_long(const char *path)
{
	FILE *file = fopen(path, "re");
	long value = -1;

	if (file == NULL)
		return -1;
	if (fscanf(file, "%ld", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

static void use_huge(struct scene *scene, void *at, size_t size)
{
	CHECK(at != MAP_FAILED);
	scene->file_size = size_without_descriptor(at, size);
	scene->at = (unsigned char *)at + 5 * T_PAGE;
	scene->offset = 5 * (off_t)T_PAGE;
	scene->len = size - 5 * T_PAGE;
}

/* The pool of the largest pages is empty where nobody has filled it. */
static const char *empty_pool(struct scene *scene)
{
	size_t size = (size_t)1 << 30;
	void *at;

	if (read_long("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages") != 0)
		return "the pool of pages of 1 GiB is not empty, or there is none";
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, HUGE_FLAGS | MAP_HUGE_1GB, -1, 0);
	use_huge(scene, at, size);
	return NULL;
}

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

/* Make a group below a mount, set its limit to 0, and enter it. */
static bool enter_group(const char *mount_point, const char *limit_file)
{
	char group[SCENE_PATH], file[SCENE_PATH + 100], number[32];

	snprintf(group, sizeof(group), "%s/mcsafe-test-%d", mount_point, getpid());
	if (mkdir(group, 0700) != 0 && errno != EEXIST)
		return false;
	snprintf(file, sizeof(file), "%s/%s", group, limit_file);
	if (!write_text(file, "0")) {
		rmdir(group);
		return false;
	}
	snprintf(file, sizeof(file), "%s/cgroup.procs", group);
	snprintf(number, sizeof(number), "%d", getpid());
	return write_text(file, number);
}

/* Groups without processes stay until somebody removes them: the last child, and earlier tests. */
static void remove_groups(const char *mount_point)
{
	DIR *dir = opendir(mount_point);
	char name[SCENE_PATH];

	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
		if (strncmp(entry->d_name, "mcsafe-test-", 12) == 0) {
			snprintf(name, sizeof(name), "%s/%s", mount_point, entry->d_name);
			rmdir(name);
		}
	if (dir != NULL)
		closedir(dir);
}

/* Mounting a hierarchy that is mounted elsewhere shows the same one. */
static const char *enter_limited_group(const struct scene *scene)
{
	char file[SCENE_PATH];

	if (mount("mcsafe", scene->dir, "cgroup2", 0, NULL) == 0) {
		remove_groups(scene->dir);
		snprintf(file, sizeof(file), "%s/cgroup.subtree_control", scene->dir);
		if (write_text(file, "+hugetlb") && enter_group(scene->dir, "hugetlb.2MB.max"))
			return NULL;
		umount2(scene->dir, MNT_DETACH);
	}
	if (mount("mcsafe", scene->dir, "cgroup", 0, "hugetlb") == 0) {
		remove_groups(scene->dir);
		if (enter_group(scene->dir, "hugetlb.2MB.limit_in_bytes"))
			return NULL;
	}
	return "no cgroup with a limit of huge pages can be made";
}

static const char *limited_group(struct scene *scene)
{
	const char *why;
	void *at;

	if (!scene_own_mounts())
		return NOT_ROOT;
	if (read_long("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") < 0)
		return "there are no pages of 2 MiB";
	why = enter_limited_group(scene);
	if (why != NULL)
		return why;
	at = mmap(NULL, T_HUGE, PROT_READ | PROT_WRITE, HUGE_FLAGS | MAP_HUGE_2MB, -1, 0);
	use_huge(scene, at, T_HUGE);
	return NULL;
}

/* A hugetlbfs that may have more pages than there are. The kernel may count a page although an
 * access has not got it (seen with Linux 6.18), so one page would not do. */
static const char *generous_mount(struct scene *scene)
{
	const size_t size = (size_t)1 << 30;
	int fd;

	if (read_long("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages") != 0)
		return "the pool of pages of 1 GiB is not empty, or there is none";
	if (!scene_own_mounts())
		return NOT_ROOT;
	if (mount("mcsafe", scene->dir, "hugetlbfs", 0, "pagesize=1G,size=16G") != 0)
		return "hugetlbfs cannot be mounted";
	set_path(scene, "frames");
	fd = open(scene->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	scene->file_size = (off_t)size;
	CHECK_EQ(ftruncate(fd, scene->file_size), 0);
	scene->at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	CHECK(scene->at != MAP_FAILED);
	scene->offset = 0;
	scene->len = size;
	return NULL;
}

/* A hugetlbfs that may have no page. */
static const char *limited_mount(struct scene *scene)
{
	int fd;

	if (!scene_own_mounts())
		return NOT_ROOT;
	if (mount("mcsafe", scene->dir, "hugetlbfs", 0, "pagesize=2M,size=2M") != 0)
		return "hugetlbfs cannot be mounted";
	set_path(scene, "frames");
	fd = open(scene->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	scene->file_size = 2 * (off_t)T_HUGE;
	CHECK_EQ(ftruncate(fd, scene->file_size), 0);
	if (fallocate(fd, 0, 0, (off_t)T_HUGE) != 0)
		return "no page of 2 MiB is free";
	scene->at =
		mmap(NULL, 2 * T_HUGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	CHECK(scene->at != MAP_FAILED);
	scene->at += T_HUGE;
	scene->offset = (off_t)T_HUGE;
	scene->len = T_HUGE;
	return NULL;
}

/* ---- the page table, and the address --------------------------------------------------------- */

static const char *inject(struct scene *scene, enum mcsafe_inject_kind kind)
{
	unsigned char *page = scene->at - (uintptr_t)scene->at % T_PAGE;

	if (mcsafe_inject_supported(kind) != 0 || mcsafe_inject(page, T_PAGE, kind) != 0)
		return mcsafe_inject_reason();
	return NULL;
}

static void use_anonymous(struct scene *scene)
{
	scene->at = map(-1, 8 * T_PAGE, MAP_PRIVATE | MAP_ANONYMOUS) + 3 * T_PAGE;
	scene->offset = scene->file_size = -1;
	scene->len = T_PAGE;
}

static const char *poisoned(struct scene *scene)
{
	use_anonymous(scene);
	return inject(scene, MCSAFE_INJECT_POISON);
}

static const char *guard_page(struct scene *scene)
{
	use_anonymous(scene);
	scene->len = 0;
	return inject(scene, MCSAFE_INJECT_GUARD);
}

/* Shared memory without a descriptor. What is injected would replace the mapping. */
static const char *use_shared(struct scene *scene, unsigned char *map)
{
	scene->file_size = size_without_descriptor(map, 8 * T_PAGE);
	scene->at = map + 3 * T_PAGE;
	scene->offset = 3 * (off_t)T_PAGE;
	scene->len = T_PAGE;
	scene->imitated = MCSAFE_CAUSE_POISON;
	return NULL;
}

/* The kernel shows it as /dev/zero, and as removed. */
static const char *shared_anonymous(struct scene *scene)
{
	return use_shared(scene, map(-1, 8 * T_PAGE, MAP_SHARED | MAP_ANONYMOUS));
}

/* The name has the key. That of IPC_PRIVATE is 0. */
static const char *shared_sysv(struct scene *scene)
{
	int id = shmget(IPC_PRIVATE, 8 * T_PAGE, 0600);
	void *at = id < 0 ? NULL : shmat(id, NULL, 0);

	if (id >= 0)
		(void)shmctl(id, IPC_RMID, NULL);
	if (at == NULL || (uintptr_t)at == UINTPTR_MAX)
		return "shared memory of System V is not allowed";
	snprintf(scene->path, sizeof(scene->path), "SYSV00000000");
	return use_shared(scene, at);
}

/* Protected pages are a mapping of their own. */
static const char *protect(struct scene *scene, int protection)
{
	int fd;

	set_path(scene, "frames");
	fd = open(scene->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	write_pages(fd, 8);
	scene->file_size = 8 * (off_t)T_PAGE;
	scene->at = map(fd, 8 * T_PAGE, MAP_SHARED) + 3 * T_PAGE;
	CHECK_EQ(mprotect(scene->at, 2 * T_PAGE, protection), 0);
	scene->at += 9;
	scene->offset = 3 * (off_t)T_PAGE + 9;
	scene->len = 2 * T_PAGE - 9;
	return NULL;
}

static const char *no_access(struct scene *scene)
{
	return protect(scene, PROT_NONE);
}

static const char *read_only(struct scene *scene)
{
	return protect(scene, PROT_READ);
}

/* Without protection keys only the record can be had. */
static const char *denied_by_key(struct scene *scene)
{
	int key = pkey_alloc(0, PKEY_DISABLE_ACCESS);

	use_anonymous(scene);
	scene->len = 5 * T_PAGE;
	scene->imitated = key < 0 ? MCSAFE_CAUSE_PKEY : MCSAFE_CAUSE_NONE;
	if (key >= 0)
		CHECK_EQ(pkey_mprotect(scene->at, 5 * T_PAGE, PROT_READ | PROT_WRITE, key), 0);
	return NULL;
}

static const char *unmapped(struct scene *scene)
{
	use_anonymous(scene);
	scene->len = 0;
	CHECK_EQ(munmap(scene->at, T_PAGE), 0);
	return NULL;
}

static const char *not_canonical(struct scene *scene)
{
	scene->at = (unsigned char *)UINT64_C(0x1234000000000000);
	scene->offset = scene->file_size = -1;
	return NULL;
}

/* ---- all of them ----------------------------------------------------------------------------- */

#define READ  MCSAFE_SIDE_SOURCE
#define WRITE MCSAFE_SIDE_DESTINATION

const struct scene_kind scene_kinds[] = {
	{"truncated", truncated, READ, MCSAFE_REASON_PAST_END, MCSAFE_MEMORY_FILE, EIO,
	 "past the end of the file, which has 12289 bytes", false},
	{"truncated_write", truncated, WRITE, MCSAFE_REASON_PAST_END, MCSAFE_MEMORY_FILE, EIO,
	 "past the end of the file, which has 12289 bytes", false},
	{"truncated_memfd", truncated_memfd, READ, MCSAFE_REASON_PAST_END, MCSAFE_MEMORY_SHARED,
	 EIO, "past the end of the file, which has 12289 bytes", false},
	{"odd_path", odd_path, READ, MCSAFE_REASON_PAST_END, MCSAFE_MEMORY_FILE, EIO,
	 "past the end of the file, which has 12289 bytes", false},
	{"removed", removed, READ, MCSAFE_REASON_PAST_END, MCSAFE_MEMORY_FILE, EIO,
	 "past the end of the file, which has 12289 bytes", false},
	{"full_tmpfs", full_tmpfs, WRITE, MCSAFE_REASON_NO_SPACE, MCSAFE_MEMORY_SHARED, ENOSPC,
	 "no space left on tmpfs", false},
	{"full_tmpfs_read", full_tmpfs, READ, MCSAFE_REASON_NO_SPACE, MCSAFE_MEMORY_SHARED, ENOSPC,
	 "no space left on tmpfs", false},
	{"full_but_there", full_but_there, WRITE, MCSAFE_REASON_UNKNOWN, MCSAFE_MEMORY_SHARED, EIO,
	 "cannot be accessed, the reason is not known (Input/output error)", false},
	{"full_ext4", full_ext4, WRITE, MCSAFE_REASON_NO_SPACE, MCSAFE_MEMORY_FILE, ENOSPC,
	 "no space left on ext4", false},
	{"reserved_ext4", reserved_ext4, WRITE, MCSAFE_REASON_NO_SPACE, MCSAFE_MEMORY_FILE, ENOSPC,
	 "no space left on ext4", false},
	{"aborted_ext4", aborted_ext4, WRITE, MCSAFE_REASON_READ_ONLY, MCSAFE_MEMORY_FILE, EROFS,
	 "ext4 is now read-only", false},
	{"bad_device", bad_device, READ, MCSAFE_REASON_MEDIA, MCSAFE_MEMORY_DEVICE, EIO,
	 "the medium cannot be read", false},
	{"device_end", device_end, READ, MCSAFE_REASON_PAST_END, MCSAFE_MEMORY_DEVICE, EIO,
	 "past the end of the device, which has 4194304 bytes", false},
	{"dead_server", dead_server, READ, MCSAFE_REASON_SERVER_AWAY, MCSAFE_MEMORY_FILE, ENOTCONN,
	 "the server of the file system does not answer (Transport endpoint is not connected)",
	 false},
	{"empty_pool", empty_pool, READ, MCSAFE_REASON_NO_HUGE_PAGE, MCSAFE_MEMORY_HUGE, ENOMEM,
	 "no huge page left", false},
	{"limited_group", limited_group, WRITE, MCSAFE_REASON_OVER_LIMIT, MCSAFE_MEMORY_HUGE,
	 ENOMEM, "over the limit of huge pages of the cgroup", false},
	{"generous_mount", generous_mount, WRITE, MCSAFE_REASON_NO_HUGE_PAGE, MCSAFE_MEMORY_HUGE,
	 ENOMEM, "no huge page left", false},
	{"limited_mount", limited_mount, WRITE, MCSAFE_REASON_NO_SPACE, MCSAFE_MEMORY_HUGE, ENOSPC,
	 "no space left on hugetlbfs", false},
	{"poisoned", poisoned, READ, MCSAFE_REASON_POISON, MCSAFE_MEMORY_ANONYMOUS, EHWPOISON,
	 "poisoned memory, 4096 bytes are lost", false},
	{"shared_anonymous", shared_anonymous, READ, MCSAFE_REASON_POISON, MCSAFE_MEMORY_SHARED,
	 EHWPOISON, "poisoned memory, 4096 bytes are lost", true},
	{"shared_sysv", shared_sysv, READ, MCSAFE_REASON_POISON, MCSAFE_MEMORY_SHARED, EHWPOISON,
	 "poisoned memory, 4096 bytes are lost", true},
	{"guard_page", guard_page, WRITE, MCSAFE_REASON_NOT_MAPPED, MCSAFE_MEMORY_ANONYMOUS, EFAULT,
	 "a guard page", true},
	{"no_access", no_access, READ, MCSAFE_REASON_PROTECTED, MCSAFE_MEMORY_FILE, EFAULT,
	 "reading is not allowed", true},
	{"read_only", read_only, WRITE, MCSAFE_REASON_PROTECTED, MCSAFE_MEMORY_FILE, EFAULT,
	 "writing is not allowed", true},
	{"key", denied_by_key, READ, MCSAFE_REASON_KEY, MCSAFE_MEMORY_ANONYMOUS, EFAULT,
	 "not allowed by a protection key", true},
	{"unmapped", unmapped, READ, MCSAFE_REASON_NOT_MAPPED, MCSAFE_MEMORY_NONE, EFAULT,
	 "not mapped", true},
	{"not_canonical", not_canonical, READ, MCSAFE_REASON_ADDRESS, MCSAFE_MEMORY_UNKNOWN, EFAULT,
	 "not an address of memory", true},
};

const size_t scene_n_kinds = T_LENGTH(scene_kinds);
