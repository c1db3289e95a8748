/* SPDX-License-Identifier: BSD-3-Clause */
/* small_tmpfs.c - a file system of the test's own, which can be full */
#include "small_tmpfs.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "basics.h"
#include "cmocka_all.h"

static char directory[] = "/tmp/mcsafe-tmpfs-XXXXXX";
static int filler = -1;

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return done;
}

/* A mount namespace; in a user namespace of its own, if the user is not root. */
static bool leave_the_others(void)
{
	char uid[32], gid[32];

	if (unshare(CLONE_NEWNS) == 0)
		return true;
	snprintf(uid, sizeof(uid), "0 %u 1", getuid());
	snprintf(gid, sizeof(gid), "0 %u 1", getgid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && put("/proc/self/setgroups", "deny") &&
	       put("/proc/self/uid_map", uid) && put("/proc/self/gid_map", gid);
}

bool small_tmpfs_mount(void)
{
	return leave_the_others() && mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mkdtemp(directory) != NULL &&
	       mount("none", directory, "tmpfs", 0, "nr_blocks=64,huge=never") == 0;
}

void small_tmpfs_unmount(void)
{
	umount2(directory, MNT_DETACH);
	rmdir(directory);
}

int small_tmpfs_file(void)
{
	char path[sizeof(directory) + sizeof("/XXXXXX")];
	int fd;

	snprintf(path, sizeof(path), "%s/XXXXXX", directory);
	fd = mkostemp(path, O_CLOEXEC);
	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

size_t small_tmpfs_room(void)
{
	struct statvfs fs;

	assert_int_equal(statvfs(directory, &fs), 0);
	return fs.f_bfree;
}

void small_tmpfs_fill(size_t pages_left)
{
	static const unsigned char page[T_PAGE];

	if (filler < 0)
		filler = small_tmpfs_file();
	assert_int_equal(ftruncate(filler, 0), 0);
	for (size_t at = 0; small_tmpfs_room() > pages_left; at += T_PAGE)
		assert_int_equal(pwrite(filler, page, T_PAGE, (off_t)at), T_PAGE);
}
