/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * source.h - a file, a block device or a device-dax node, read piece by piece, that can fail
 *
 * There are two ways to read. A mapping is read with mcsafe_pmem_pread(3), which survives poison
 * that the kernel does not know yet. If the kernel's own copy meets such poison, in pread(2), the
 * machine may panic. A device-dax node can only be mapped. pread(2) reads what cannot be mapped. It
 * tells the errors of disks and servers exactly, and needs no page faults.
 */
#ifndef MCSAFE_TOOLS_SOURCE_H
#define MCSAFE_TOOLS_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <mcsafe/pmem.h>

enum source_way {
	SOURCE_AUTO = 0, /* map what is memory (DAX, tmpfs, hugetlbfs), and read all else */
	SOURCE_MAP = 1,
	SOURCE_READ = 2,
};

struct source {
	const char *path;
	int fd;
	uint64_t size;            /* when it was opened */
	struct stat stat;         /* when it was opened */
	struct mcsafe_pmem *pmem; /* NULL: it is read with pread(2) */
	uint64_t page;            /* bytes that are lost together */
	uint64_t data, data_end;  /* a part that has no hole, as lseek(2) said */
	bool careful;             /* the previous read failed: read page by page */
	bool has_fault;           /* the mapping failed at fault_at, which was not told yet */
	uint64_t fault_at;
	struct mcsafe_fault fault;
};

enum piece_kind {
	PIECE_DATA = 0, /* the bytes are in the buffer */
	PIECE_HOLE = 1, /* a hole of the file: zeros that take no space */
	PIECE_LOST = 2, /* cannot be read: reason and text tell why */
	PIECE_AWAY = 3, /* nothing can be read now: the device or the server is gone */
};

struct piece {
	enum piece_kind kind;
	uint64_t len;       /* of data at most the size of the buffer; 0 for PIECE_AWAY */
	const char *reason; /* one word for machines */
	char text[256];     /* the reason for people */
};

/* Open it. Ends the program with a message if that cannot be done. */
void source_open(struct source *source, const char *path, enum source_way way);

/*
 * Read the piece that begins at an offset: up to `room` bytes to `buffer`, or find out that up to
 * `limit` bytes are a hole or are lost. limit is not 0. Bytes past the end are lost: the file had
 * them when it was opened.
 */
void source_read(struct source *source, void *buffer, size_t room, uint64_t offset, uint64_t limit,
		 struct piece *piece);

/* Forget that a range was bad: it will be accessed again. */
void source_forget(struct source *source, uint64_t start, uint64_t len);

/* Tell on standard error whether the file has changed since it was opened. */
bool source_has_changed(const struct source *source, char text[256]);

void source_close(struct source *source);

#endif /* MCSAFE_TOOLS_SOURCE_H */
