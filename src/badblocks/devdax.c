/* SPDX-License-Identifier: BSD-3-Clause */
/* devdax.c - what sysfs says about a device-dax node (Documentation/ABI/testing/sysfs-bus-dax) */
#include "pmem/pmem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Of the directory of the device. */
static void path_of(char path[PATH_MAX], const char *sysfs, dev_t device, const char *file)
{
	snprintf(path, PATH_MAX, "%s/dev/char/%u:%u/%s", sysfs, major(device), minor(device), file);
}

static bool is_dax(const char *sysfs, dev_t device)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *name;
	ssize_t n;

	path_of(path, sysfs, device, "subsystem");
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	name = strrchr(target, '/');
	return strcmp(name != NULL ? name + 1 : target, "dax") == 0;
}

/* A number, decimal or with 0x, and nothing else. */
static int number(const char *sysfs, dev_t device, const char *file, size_t *value)
{
	char path[PATH_MAX], text[32], *end;
	FILE *from;
	int err = -EBADMSG;

	path_of(path, sysfs, device, file);
	from = fopen(path, "re");
	if (from == NULL)
		return errno == ENOENT ? -EBADMSG : -errno;
	if (fgets(text, sizeof(text), from) != NULL && *text >= '0' && *text <= '9') {
		errno = 0;
		*value = strtoul(text, &end, 0);
		if (errno == 0 && (*end == '\n' || *end == '\0'))
			err = 0;
	}
	fclose(from);
	return err;
}

int mcsafe__devdax(const char *sysfs, dev_t device, size_t *size, size_t *align)
{
	size_t bytes = 0, unit = 0;
	int err;

	if (!is_dax(sysfs, device))
		return -ENODEV;
	err = number(sysfs, device, "size", &bytes);
	if (err == 0)
		err = number(sysfs, device, "align", &unit);
	if (err != 0)
		return err;
	/* A mapping of the device is a multiple of its alignment, or mmap(2) refuses it. */
	if (unit < MCSAFE__PAGE || (unit & (unit - 1)) != 0 || bytes == 0 || bytes % unit != 0 ||
	    bytes > SSIZE_MAX)
		return -EBADMSG;
	*size = bytes;
	*align = unit;
	return 0;
}
