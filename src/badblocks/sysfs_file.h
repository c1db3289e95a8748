/* SPDX-License-Identifier: BSD-3-Clause */
/* sysfs_file.h - read what a directory of sysfs holds */
#ifndef MCSAFE_SRC_BADBLOCKS_SYSFS_FILE_H
#define MCSAFE_SRC_BADBLOCKS_SYSFS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Room for a path in sysfs. Paths are kept on the stack, and a thread may have no more of it than
 * PTHREAD_STACK_MIN, 16 KiB: that is no room for some paths of PATH_MAX bytes. The deepest devices
 * have paths of some hundred bytes.
 */
#define MCSAFE__SYSFS_PATH 1024

/* The directory of a device, in which /sys is `sysfs`; type is "block" or "char". 0, or
 * -ENAMETOOLONG. */
int mcsafe__sysfs_device(char directory[MCSAFE__SYSFS_PATH], const char *sysfs, const char *type,
			 dev_t device);

/* Read a file, up to room - 1 bytes, and end the text as a string. 0, or -errno. */
int mcsafe__sysfs_read_text(const char *directory, const char *name, char *text, size_t room,
			    size_t *n);

/* Read a file that holds one number, decimal or with 0x. 0; -EBADMSG: it holds something else; or
 * -errno. */
int mcsafe__sysfs_read_number(const char *directory, const char *name, uint64_t *number);

bool mcsafe__sysfs_has(const char *directory, const char *name);

/* Whether the directory is that of a device-dax node. */
bool mcsafe__sysfs_is_dax(const char *directory);

#endif /* MCSAFE_SRC_BADBLOCKS_SYSFS_FILE_H */
