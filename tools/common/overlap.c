/* SPDX-License-Identifier: BSD-3-Clause */
/* overlap.c - whether two files or devices have bytes in common */
#include "common/overlap.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SECTOR 512 /* the unit of /sys, whatever the device has */
#define LAYERS 128 /* more devices are not below one */

/* A file or a device, and its bytes [start, end) that another one has, too. */
struct layer {
	dev_t device; /* of a device: its number */
	ino_t inode;  /* 0: a device */
	uint64_t start, end;
	bool is_exact; /* false: somewhere in [start, end) */
};

/* A file or device, and all below it. The first is itself. */
struct layers {
	struct layer list[LAYERS];
	size_t count;
};

/* ---- what /sys tells ------------------------------------------------------------------------- */

/* Read a small file of a block device. The text has no newline at its end. */
static bool read_text(dev_t device, const char *name, char *text, size_t room)
{
	char path[PATH_MAX];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(device), minor(device), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, room - 1);
	close(fd);
	if (len <= 0)
		return false;
	text[text[len - 1] == '\n' ? len - 1 : len] = '\0';
	return true;
}

/* 0: it cannot be read. */
static uint64_t read_number(dev_t device, const char *name)
{
	char text[64];

	return read_text(device, name, text, sizeof(text)) ? strtoull(text, NULL, 10) : 0;
}

static bool read_device(dev_t device, const char *name, dev_t *other)
{
	unsigned numbers[2];
	char text[64];

	if (!read_text(device, name, text, sizeof(text)))
		return false;
	/* NOLINTNEXTLINE(cert-err34-c): the kernel has written them. */
	if (sscanf(text, "%u:%u", &numbers[0], &numbers[1]) != 2)
		return false;
	*other = makedev(numbers[0], numbers[1]);
	return true;
}

/* ---- layers ---------------------------------------------------------------------------------- */

static void add_device(struct layers *layers, dev_t device, struct layer part);

static void add_file(struct layers *layers, dev_t device, ino_t inode, struct layer part)
{
	part.device = device;
	part.inode = inode;
	if (layers->count < LAYERS)
		layers->list[layers->count++] = part;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a < UINT64_MAX - b ? a + b : UINT64_MAX;
}

/* The part of the device below, if the upper one has `len` bytes of it from `offset` on. 0: to
 * the end, or not known. */
static struct layer below(struct layer part, uint64_t offset, uint64_t len)
{
	if (len > 0 && part.end > len)
		part.end = len;
	part.start = sum(part.start, offset);
	part.end = sum(part.end, offset);
	return part;
}

/*
 * Ask a loop device itself. The path that /sys has may be of another mount namespace, or lead
 * nowhere since the file was renamed.
 */
static bool ask_loop(dev_t device, struct loop_info64 *info)
{
	char event[1024], path[sizeof(event) + 8];
	const char *name, *end;
	struct stat status;
	bool known;
	int fd;

	if (!read_text(device, "uevent", event, sizeof(event)))
		return false;
	name = strstr(event, "DEVNAME=");
	if (name == NULL)
		return false;
	name += strlen("DEVNAME=");
	end = strchrnul(name, '\n');
	snprintf(path, sizeof(path), "/dev/%.*s", (int)(end - name), name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	known = fstat(fd, &status) == 0 && S_ISBLK(status.st_mode) && status.st_rdev == device &&
		ioctl(fd, LOOP_GET_STATUS64, info) == 0;
	close(fd);
	return known;
}

/* NOLINTBEGIN(misc-no-recursion): devices stand on each other at most LAYERS high. */

static void add_below_loop(struct layers *layers, dev_t device, struct layer part)
{
	struct loop_info64 info;
	struct stat status;
	char path[PATH_MAX];

	if (!read_text(device, "loop/backing_file", path, sizeof(path)))
		return;
	part = below(part, read_number(device, "loop/offset"),
		     read_number(device, "loop/sizelimit"));
	if (ask_loop(device, &info)) {
		if (info.lo_rdevice != 0)
			add_device(layers, (dev_t)info.lo_rdevice, part);
		else
			add_file(layers, (dev_t)info.lo_device, (ino_t)info.lo_inode, part);
	} else if (stat(path, &status) == 0) {
		if (S_ISBLK(status.st_mode))
			add_device(layers, status.st_rdev, part);
		else
			add_file(layers, status.st_dev, status.st_ino, part);
	}
}

static void add_slaves(struct layers *layers, dev_t device)
{
	static const struct layer anywhere = {.end = UINT64_MAX};
	char path[PATH_MAX], name[NAME_MAX + sizeof("slaves//dev")];
	struct dirent *entry;
	dev_t slave;
	DIR *slaves;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/slaves", major(device), minor(device));
	slaves = opendir(path);
	if (slaves == NULL)
		return;
	while ((entry = readdir(slaves)) != NULL) {
		snprintf(name, sizeof(name), "slaves/%s/dev", entry->d_name);
		if (entry->d_name[0] != '.' && read_device(device, name, &slave))
			add_device(layers, slave, anywhere);
	}
	closedir(slaves);
}

static void add_device(struct layers *layers, dev_t device, struct layer part)
{
	dev_t disk;

	if (layers->count == LAYERS)
		return;
	part.device = device;
	part.inode = 0;
	layers->list[layers->count++] = part;
	if (read_number(device, "partition") != 0 && read_device(device, "../dev", &disk))
		add_device(layers, disk,
			   below(part, read_number(device, "start") * SECTOR,
				 read_number(device, "size") * SECTOR));
	add_below_loop(layers, device, part);
	add_slaves(layers, device);
}

/* NOLINTEND(misc-no-recursion) */

static void add_all(struct layers *layers, const struct stat *status)
{
	static const struct layer whole = {.end = UINT64_MAX, .is_exact = true};

	layers->count = 0;
	if (S_ISBLK(status->st_mode))
		add_device(layers, status->st_rdev, whole);
	else
		add_file(layers, status->st_dev, status->st_ino, whole);
}

static bool have_same_bytes(const struct layer *one, const struct layer *other)
{
	return one->device == other->device && one->inode == other->inode &&
	       one->start < other->end && other->start < one->end &&
	       (one->is_exact || other->is_exact);
}

static bool is_same(const struct stat *one, const struct stat *other)
{
	/* Two nodes can be one device. */
	if ((S_ISBLK(one->st_mode) && S_ISBLK(other->st_mode)) ||
	    (S_ISCHR(one->st_mode) && S_ISCHR(other->st_mode)))
		return one->st_rdev == other->st_rdev;
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

enum overlap overlap_of(const struct stat *one, const struct stat *other)
{
	struct layers layers, others;

	if (is_same(one, other))
		return OVERLAP_SAME;
	if (!S_ISBLK(one->st_mode) && !S_ISBLK(other->st_mode))
		return OVERLAP_NONE;
	add_all(&layers, one);
	add_all(&others, other);
	for (size_t i = 0; i < layers.count; i++)
		for (size_t j = 0; j < others.count; j++)
			if (have_same_bytes(&layers.list[i], &others.list[j]))
				return OVERLAP_PART;
	return OVERLAP_NONE;
}
