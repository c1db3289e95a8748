/* SPDX-License-Identifier: BSD-3-Clause */
/* sysfs_file.c - read what a directory of sysfs holds */
#include "sysfs_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/kept_fd.h"

int mcsafe__sysfs_device(char directory[MCSAFE__SYSFS_PATH], const char *sysfs, const char *type,
			 dev_t device)
{
	int n = snprintf(directory, MCSAFE__SYSFS_PATH, "%s/dev/%s/%u:%u", sysfs, type,
			 major(device), minor(device));

	return n >= MCSAFE__SYSFS_PATH ? -ENAMETOOLONG : 0;
}

static int join(char path[MCSAFE__SYSFS_PATH], const char *directory, const char *name)
{
	int n = snprintf(path, MCSAFE__SYSFS_PATH, "%s/%s", directory, name);

	return n >= MCSAFE__SYSFS_PATH ? -ENAMETOOLONG : 0;
}

int mcsafe__sysfs_read_text(const char *directory, const char *name, char *text, size_t room,
			    size_t *n)
{
	char path[MCSAFE__SYSFS_PATH];
	ssize_t got;
	int fd, err = join(path, directory, name);

	if (err != 0)
		return err;
	fd = mcsafe__fd_open(AT_FDCWD, path, O_RDONLY, NULL);
	if (fd < 0)
		return fd;
	for (*n = 0; *n < room - 1; *n += (size_t)got) {
		got = read(fd, text + *n, room - 1 - *n);
		if (got < 0 && errno == EINTR)
			got = 0;
		else if (got <= 0) {
			err = got < 0 ? -errno : 0;
			break;
		}
	}
	close(fd);
	text[*n] = '\0';
	return err;
}

int mcsafe__sysfs_read_number(const char *directory, const char *name, uint64_t *number)
{
	char text[64] = "", *end;
	size_t n;
	int err = mcsafe__sysfs_read_text(directory, name, text, sizeof(text), &n);

	if (err != 0)
		return err;
	errno = 0;
	*number = strtoull(text, &end, 0);
	/* strtoull(3) takes a sign and blanks. A text that fills the room may go on. */
	if (n == sizeof(text) - 1 || text[0] < '0' || text[0] > '9' || errno != 0 ||
	    (*end != '\0' && strcmp(end, "\n") != 0))
		return -EBADMSG;
	return 0;
}

bool mcsafe__sysfs_has(const char *directory, const char *name)
{
	char path[MCSAFE__SYSFS_PATH];

	return join(path, directory, name) == 0 && access(path, F_OK) == 0;
}

bool mcsafe__sysfs_is_dax(const char *directory)
{
	char path[MCSAFE__SYSFS_PATH], target[MCSAFE__SYSFS_PATH];
	const char *name;
	ssize_t n;

	if (join(path, directory, "subsystem") != 0)
		return false;
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	name = strrchr(target, '/');
	return name != NULL && strcmp(name, "/dax") == 0;
}
