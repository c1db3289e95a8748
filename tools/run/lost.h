/* SPDX-License-Identifier: BSD-3-Clause */
/* lost.h - what was lost: ranges of files, who met them, and what stands in for them */
#ifndef MCSAFE_TOOLS_RUN_LOST_H
#define MCSAFE_TOOLS_RUN_LOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <mcsafe/explain.h>

#include "run/proc.h"

/* What the first access to the range was. Later ones are not seen. */
enum lost_access {
	LOST_READ,          /* a read, and the process may not write there */
	LOST_WRITTEN,       /* a write, or a read and a write */
	LOST_READ_AT_LEAST, /* a read, and the process may write there later */
	LOST_UNKNOWN,       /* a read or a write */
};

enum lost_fill {
	LOST_ZEROS,
	LOST_MIRROR,  /* bytes of the mirror, and zeros past its end */
	LOST_CONTENT, /* the page's own content: it could be read, but not be written */
	LOST_NOTHING, /* the program was stopped */
};

struct lost_range {
	uint64_t start, length; /* in the file; of memory without a file: the address */
	enum lost_access access;
	enum lost_fill fill;
	enum mcsafe_reason reason;
	pid_t pid;
	char process[COMM];
};

/* Whether two ranges tell the same, but for where they are. */
static inline bool lost_is_alike(const struct lost_range *one, const struct lost_range *other)
{
	return one->access == other->access && one->fill == other->fill &&
	       one->reason == other->reason && one->pid == other->pid;
}

/* Whether a range goes on where the last one ends, and tells the same. */
static inline bool lost_continues(const struct lost_range *last, const struct lost_range *range)
{
	return range->start == last->start + last->length && lost_is_alike(last, range);
}

struct lost_file {
	char *path; /* what the kernel shows: "" if there is no name */
	bool is_deleted, is_memory;
	uint64_t inode;
	dev_t device;
	struct lost_range *ranges; /* in the order in which they were met */
	size_t count, room;
	struct lost_file *next;
};

/* All files of which something was lost, in the order in which they were met. */
extern struct lost_file *lost_files;

/* Add a range. A range that continues the last one of the file, or leads up to it, becomes one with
 * it: memcpy(3) may read the end first. */
void lost_add(const struct lost_file *file, const struct lost_range *range);

/* Bytes of a file that were lost: each is counted once. */
uint64_t lost_bytes(const struct lost_file *file);

/* Whether a program was killed because something was lost. */
bool lost_was_stopped(void);

/* Say something about the run now, and remember it for the report. */
void lost_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What was said, in its order. The list ends with NULL. */
const char *const *lost_notes(void);

#endif /* MCSAFE_TOOLS_RUN_LOST_H */
