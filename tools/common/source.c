/* SPDX-License-Identifier: BSD-3-Clause */
/* source.c - a file, a block device or a device-dax node, read piece by piece, that can fail */
#include "common/source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <mcsafe/explain.h>
#include <mcsafe/handler.h>

#include "common/tool.h"

#define PAGE 4096
#define LINE 64 /* mcsafe_pmem_pread() rounds known bad ranges out to cache lines */

static uint64_t up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* ---- open ------------------------------------------------------------------------------------ */

/* Whether the data of a mapped file are in memory only, or the file is on persistent memory. */
static bool is_memory(const struct source *source)
{
	struct mcsafe_pmem_info info;
	struct statfs fs;

	mcsafe_pmem_get_info(source->pmem, &info);
	if (info.kind == MCSAFE_PMEM_DEVICE || info.dax)
		return true;
	if (!S_ISREG(source->stat.st_mode) || fstatfs(source->fd, &fs) != 0)
		return false;
	return fs.f_type == TMPFS_MAGIC || fs.f_type == HUGETLBFS_MAGIC || fs.f_type == RAMFS_MAGIC;
}

/* Map the file. Returns 0 or -errno. */
static int map_it(struct source *source)
{
	int err = mcsafe_install();

	if (err == 0)
		err = mcsafe_pmem_open_fd(&source->pmem, source->fd, MCSAFE_PMEM_NO_ASK);
	return err;
}

/* A file of /proc and the like has a size of 0, and has bytes nevertheless. */
static void refuse_unknown_size(const struct source *source)
{
	char byte;
	ssize_t got;

	if (source->size != 0)
		return;
	got = pread(source->fd, &byte, 1, 0);
	if (got < 0)
		tool_fail("%s: the file does not tell its size, and cannot be read: %s",
			  source->path, strerror(errno));
	if (got > 0)
		tool_fail("%s: the file does not tell its size; cp(1) or cat(1) can copy it",
			  source->path);
}

static _Noreturn void fail(const char *path, int error)
{
	tool_fail("%s: %s", path, strerror(error));
}

static _Noreturn void refuse_kind(const char *path)
{
	tool_fail("%s is neither a file, a block device nor a device-dax node", path);
}

/* Map the source if it is to be mapped. */
static void choose_way(struct source *source, enum source_way way)
{
	bool is_node = S_ISCHR(source->stat.st_mode);
	int err = way != SOURCE_READ || is_node ? map_it(source) : 0;

	if (is_node) {
		if (err == -ENODEV || err == -EINVAL)
			refuse_kind(source->path);
		if (err != 0)
			fail(source->path, -err);
		if (way == SOURCE_READ)
			tool_fail("%s: a device-dax node can only be mapped", source->path);
	} else if (err != 0 && way == SOURCE_MAP) {
		tool_fail("%s cannot be mapped: %s", source->path, strerror(-err));
	}
	if (source->pmem != NULL && way == SOURCE_AUTO && !is_memory(source)) {
		mcsafe_pmem_close(source->pmem);
		source->pmem = NULL;
	}
}

void source_open(struct source *source, const char *path, enum source_way way)
{
	struct mcsafe_badblocks_answer answer;
	struct mcsafe_pmem_info info;
	mode_t mode;
	off_t end;

	*source = (struct source){.path = path, .page = PAGE};
	/* O_NONBLOCK: the open of a pipe would wait for a writer. */
	source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (source->fd < 0 || fstat(source->fd, &source->stat) != 0)
		fail(path, errno);
	mode = source->stat.st_mode;
	if (S_ISDIR(mode))
		fail(path, EISDIR);
	if (!S_ISREG(mode) && !S_ISBLK(mode) && !S_ISCHR(mode))
		refuse_kind(path);
	choose_way(source, way);
	if (source->pmem != NULL) {
		/* If the kernel cannot be asked, reads find what is bad. */
		(void)mcsafe_pmem_ask(source->pmem, &answer);
		mcsafe_pmem_get_info(source->pmem, &info);
		source->size = info.size;
		source->page = info.page_size;
	} else {
		/* Some files of /proc cannot be positioned at their end. */
		end = S_ISREG(mode) ? source->stat.st_size : lseek(source->fd, 0, SEEK_END);
		if (end < 0)
			fail(path, errno);
		source->size = (uint64_t)end;
		(void)posix_fadvise(source->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	}
	if (S_ISREG(mode))
		refuse_unknown_size(source);
}

void source_close(struct source *source)
{
	mcsafe_pmem_close(source->pmem);
	close(source->fd);
}

/* ---- what the kernel says about it ----------------------------------------------------------- */

/* The size now. A device keeps its size. */
static uint64_t size_now(const struct source *source)
{
	struct stat now;

	if (!S_ISREG(source->stat.st_mode) || fstat(source->fd, &now) != 0)
		return source->size;
	return (uint64_t)now.st_size;
}

bool source_has_changed(const struct source *source, char text[256])
{
	const struct stat *then = &source->stat;
	struct stat now;

	if (!S_ISREG(then->st_mode) || fstat(source->fd, &now) != 0)
		return false;
	if ((uint64_t)now.st_size != source->size)
		snprintf(text, 256,
			 "the file has %s from %" PRIu64 " to %" PRIu64
			 " bytes while it was read; the copy has the size of the beginning",
			 (uint64_t)now.st_size > source->size ? "grown" : "shrunk", source->size,
			 (uint64_t)now.st_size);
	else if (now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
		 now.st_mtim.tv_nsec != then->st_mtim.tv_nsec)
		snprintf(text, 256,
			 "the file was written to while it was read; "
			 "the copy may have parts of different age");
	else
		return false;
	return true;
}

/*
 * The number of bytes, of n at an offset, that are all in a hole of the file, or all not. A file
 * system that does not know holes says that all is data.
 */
static uint64_t run_at(struct source *source, uint64_t offset, uint64_t n, bool *hole)
{
	off_t at;

	*hole = false;
	if (!S_ISREG(source->stat.st_mode) || offset > INT64_MAX)
		return n;
	if (offset < source->data || offset >= source->data_end) {
		at = lseek(source->fd, (off_t)offset, SEEK_DATA);
		if (at < 0 && errno != ENXIO)
			return n;
		if (at != (off_t)offset) {
			*hole = true;
			/* ENXIO: there is no data up to the end. */
			return at < 0 || (uint64_t)at - offset > n ? n : (uint64_t)at - offset;
		}
		at = lseek(source->fd, (off_t)offset, SEEK_HOLE);
		if (at <= (off_t)offset)
			return n;
		source->data = offset;
		source->data_end = (uint64_t)at;
	}
	return source->data_end - offset < n ? source->data_end - offset : n;
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static void lose(struct piece *piece, uint64_t len, const char *reason)
{
	piece->kind = PIECE_LOST;
	piece->len = len;
	piece->reason = reason;
}

static void lose_past_end(const struct source *source, struct piece *piece, uint64_t offset,
			  uint64_t limit)
{
	uint64_t size = size_now(source);

	lose(piece, limit, mcsafe_reason_name(MCSAFE_REASON_PAST_END));
	/* Files of /sys say that they have a page, and have less. */
	if (offset < size)
		snprintf(piece->text, sizeof(piece->text),
			 "past the end of the file, which says that it has %" PRIu64 " bytes",
			 size);
	else
		snprintf(piece->text, sizeof(piece->text),
			 "past the end of the file, which has shrunk to %" PRIu64 " bytes", size);
}

static void away(struct piece *piece, int error)
{
	piece->kind = PIECE_AWAY;
	piece->len = 0;
	piece->reason = mcsafe_reason_name(MCSAFE_REASON_SERVER_AWAY);
	snprintf(piece->text, sizeof(piece->text), "%s", strerror(error));
}

/* Whether an error of pread(2) says that these bytes are lost, and not that all is gone. */
static const char *reason_of(int error)
{
	switch (error) {
	case EIO:
	/* What a medium can answer: blk_status_t of the kernel. */
	case ENODATA:
	case EILSEQ:
	case EREMOTEIO:
	/* File systems find that data do not match their checksum. */
	case EBADMSG:
	case EUCLEAN:
		return mcsafe_reason_name(MCSAFE_REASON_MEDIA);
	case EHWPOISON:
	/* The buffer is good, so the copy of a DAX file has met poison. */
	case EFAULT:
		return mcsafe_reason_name(MCSAFE_REASON_POISON);
	default:
		return NULL;
	}
}

static void read_file(struct source *source, void *buffer, size_t n, uint64_t offset,
		      uint64_t limit, struct piece *piece)
{
	size_t to_page = (size_t)(up(offset + 1, source->page) - offset);
	const char *reason;
	ssize_t got;

	if (to_page > n)
		to_page = n;
	for (;;) {
		if (source->careful && n > to_page)
			n = to_page;
		got = pread(source->fd, buffer, n, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got >= 0 || reason_of(errno) == NULL || n == to_page)
			break;
		/* Some file systems fail the whole of a read if any byte of it is lost. */
		source->careful = true;
	}
	if (got > 0) {
		source->careful = false;
		piece->kind = PIECE_DATA;
		piece->len = (uint64_t)got;
		return;
	}
	if (got == 0) {
		lose_past_end(source, piece, offset, limit);
		return;
	}
	reason = reason_of(errno);
	if (reason == NULL) {
		away(piece, errno);
		return;
	}
	source->careful = true;
	snprintf(piece->text, sizeof(piece->text), "%s", strerror(errno));
	lose(piece, to_page, reason);
}

/* Tell why a mapping has failed. */
static void explain(const struct mcsafe_fault *fault, struct piece *piece)
{
	static struct mcsafe_explanation e;
	char line[sizeof(piece->text)];
	const char *text;

	if (fault->signo == 0) {
		piece->reason = "known";
		snprintf(piece->text, sizeof(piece->text), "the kernel lists it as bad");
		return;
	}
	piece->reason = mcsafe_reason_name(MCSAFE_REASON_UNKNOWN);
	snprintf(piece->text, sizeof(piece->text), "%s", strerror(mcsafe_fault_errno(fault)));
	if (mcsafe_explain(fault, &e) != 0)
		return;
	piece->reason = mcsafe_reason_name(e.reason);
	if (e.reason == MCSAFE_REASON_SERVER_AWAY) {
		away(piece, e.error);
		return;
	}
	/* The list of losses has the file, the offset and the length already. */
	e.path[0] = '\0';
	e.flags = 0;
	e.offset = -1;
	e.len = 0;
	mcsafe_explain_text(&e, line, sizeof(line));
	text = strstr(line, ": ");
	if (text != NULL)
		snprintf(piece->text, sizeof(piece->text), "%s", text + 2);
}

/* The mapping cannot be read at an offset. Find how much is lost. */
static void lose_mapped(struct source *source, uint64_t offset, uint64_t limit, struct piece *piece)
{
	uint64_t end = up(offset + 1, source->page);
	struct mcsafe_range bad;

	if (offset >= size_now(source)) {
		lose_past_end(source, piece, offset, limit);
		return;
	}
	if (mcsafe_badblocks_next(mcsafe_pmem_badblocks(source->pmem), offset, offset + limit,
				  &bad) &&
	    bad.start < up(offset + 1, LINE))
		end = up(bad.start + bad.len, LINE);
	lose(piece, end - offset < limit ? end - offset : limit, NULL);
	explain(&source->fault, piece);
}

static void read_map(struct source *source, void *buffer, size_t n, uint64_t offset, uint64_t limit,
		     struct piece *piece)
{
	struct mcsafe_fault fault = {0};
	uint64_t size;
	ssize_t got;

	/*
	 * A copy may stop before the memory that is lost (MCSAFE_FAULT_MAY_FALL_SHORT). Then the
	 * registry has it farther on, and the bytes before it are read now. Memory that was not
	 * added to the registry is at fault_at, and is not accessed again.
	 */
	if (source->has_fault && source->fault_at == offset) {
		struct mcsafe_range bad;

		if (source->fault.cause != MCSAFE_CAUSE_POISON ||
		    !mcsafe_badblocks_next(mcsafe_pmem_badblocks(source->pmem), offset,
					   offset + limit, &bad) ||
		    bad.start < up(offset + 1, LINE)) {
			source->has_fault = false;
			lose_mapped(source, offset, limit, piece);
			return;
		}
	}
	got = mcsafe_pmem_pread(source->pmem, buffer, n, (off_t)offset, &fault);
	if (got < 0 && got != -EIO) {
		away(piece, (int)-got);
		return;
	}
	if (got == 0) {
		lose_past_end(source, piece, offset, limit);
		return;
	}
	if ((size_t)got != n) {
		/* A fault that was met before tells more than the refusal to access it again. */
		if (fault.signo != 0 || !source->has_fault || source->fault_at != offset)
			source->fault = fault;
		source->has_fault = got > 0;
		source->fault_at = offset + (uint64_t)(got > 0 ? got : 0);
	}
	if (got < 0) {
		lose_mapped(source, offset, limit, piece);
		return;
	}
	/* Past the end of a file, its last page reads as zeros. */
	size = size_now(source);
	if (offset >= size) {
		lose_past_end(source, piece, offset, limit);
		return;
	}
	if (size - offset < (uint64_t)got)
		got = (ssize_t)(size - offset);
	piece->kind = PIECE_DATA;
	piece->len = (uint64_t)got;
}

void source_read(struct source *source, void *buffer, size_t room, uint64_t offset, uint64_t limit,
		 struct piece *piece)
{
	uint64_t run, size;
	bool hole;

	*piece = (struct piece){0};
	run = run_at(source, offset, limit, &hole);
	if (hole) {
		size = size_now(source);
		if (offset >= size) {
			lose_past_end(source, piece, offset, limit);
			return;
		}
		piece->kind = PIECE_HOLE;
		piece->len = run < size - offset ? run : size - offset;
		return;
	}
	if (run < room)
		room = (size_t)run;
	if (source->pmem != NULL)
		read_map(source, buffer, room, offset, limit, piece);
	else
		read_file(source, buffer, room, offset, limit, piece);
}

void source_forget(struct source *source, uint64_t start, uint64_t len)
{
	uint64_t from = start / source->page * source->page;

	source->has_fault = false;
	/* Whole pages are lost, also where the file ends inside a page. If there is no memory, the
	 * range stays bad and is not accessed. */
	if (source->pmem != NULL && len > 0)
		(void)mcsafe_badblocks_clear(mcsafe_pmem_badblocks(source->pmem), from,
					     up(start + len, source->page) - from);
}
