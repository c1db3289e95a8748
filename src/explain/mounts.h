/* SPDX-License-Identifier: BSD-3-Clause */
/* mounts.h - lines of /proc/self/mountinfo and similar files, without allocation */
#ifndef MCSAFE_SRC_EXPLAIN_MOUNTS_H
#define MCSAFE_SRC_EXPLAIN_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/reader.h"

#define MCSAFE__MOUNT_ROOM 512

/* A line "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELD ...] - TYPE SOURCE SUPER-OPTIONS"
 * (proc_pid_mountinfo(5)). A member is empty if there is no room for it. */
struct mcsafe__mount {
	char device[32];
	char root[MCSAFE__MOUNT_ROOM], point[MCSAFE__MOUNT_ROOM];
	char type[16], options[256]; /* the options of the file system */
};

/* Read a word up to one of the characters `ends`, or up to the end of the line. Returns the
 * character that ended it. A word that is too long becomes empty. */
int mcsafe__word(struct mcsafe__reader *r, char *to, size_t room, const char *ends);

/* Read a line. False at the end. */
bool mcsafe__mount_read(struct mcsafe__reader *r, struct mcsafe__mount *mount);

/* Whether a list with commas has a word in it. */
bool mcsafe__list_has(const char *list, const char *wanted);

/* Whether the file system of a device says that it is read-only now. ext4 becomes so after an
 * error, even while files are open for writing. False also if that is not known. */
bool mcsafe__device_is_read_only(dev_t device);

#endif /* MCSAFE_SRC_EXPLAIN_MOUNTS_H */
