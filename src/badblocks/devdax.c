/* SPDX-License-Identifier: BSD-3-Clause */
/* devdax.c - what sysfs says about a device-dax node (Documentation/ABI/testing/sysfs-bus-dax) */
#include "devdax.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/page.h"

int mcsafe__devdax(const char *sysfs, dev_t device, size_t *size, size_t *align)
{
	char directory[MCSAFE__SYSFS_PATH];
	uint64_t bytes = 0, unit = 0;
	int err = mcsafe__sysfs_device(directory, sysfs, "char", device);

	if (err != 0 || !mcsafe__sysfs_is_dax(directory))
		return -ENODEV;
	err = mcsafe__sysfs_read_number(directory, "size", &bytes);
	if (err == 0)
		err = mcsafe__sysfs_read_number(directory, "align", &unit);
	if (err != 0)
		return err == -ENOENT ? -EBADMSG : err;
	/* A mapping of the device is a multiple of its alignment, or mmap(2) refuses it. */
	if (unit < MCSAFE__PAGE || (unit & (unit - 1)) != 0 || bytes == 0 || bytes % unit != 0 ||
	    bytes > SSIZE_MAX)
		return -EBADMSG;
	*size = bytes;
	*align = unit;
	return 0;
}

/* Replace the directory of a device by that of its region: the nearest directory above it that has
 * bad blocks. */
static int find_region(char *directory)
{
	char *slash;

	while ((slash = strrchr(directory, '/')) != NULL && slash != directory) {
		*slash = '\0';
		if (mcsafe__sysfs_has(directory, "badblocks") &&
		    mcsafe__sysfs_has(directory, "resource"))
			return 0;
	}
	return -EOPNOTSUPP;
}

/* realpath(3) with less room on the stack. 0, or -errno. */
static int resolve(const char *path, char resolved[MCSAFE__SYSFS_PATH])
{
	char *whole = realpath(path, NULL);
	int err = 0;

	if (whole == NULL)
		return -errno;
	if (strlen(whole) < MCSAFE__SYSFS_PATH)
		memcpy(resolved, whole, strlen(whole) + 1);
	else
		err = -ENAMETOOLONG;
	free(whole);
	return err;
}

int mcsafe__sysfs_dax_place(const char *sysfs, dev_t device, struct mcsafe__dax_place *place)
{
	char link[MCSAFE__SYSFS_PATH];
	int err = mcsafe__sysfs_device(link, sysfs, "char", device);

	if (err != 0)
		return err;
	err = resolve(link, place->region);
	if (err != 0)
		return err == -ENOENT ? -EOPNOTSUPP : err;
	if (!mcsafe__sysfs_is_dax(place->region))
		return -EOPNOTSUPP;
	err = mcsafe__sysfs_read_number(place->region, "resource", &place->start);
	if (err == 0)
		err = mcsafe__sysfs_read_number(place->region, "size", &place->bytes);
	if (err == 0)
		err = find_region(place->region);
	if (err == 0)
		err = mcsafe__sysfs_read_number(place->region, "resource", &place->region_start);
	return err;
}

const char *mcsafe__region_name(const struct mcsafe__dax_place *place)
{
	return strrchr(place->region, '/') + 1;
}
