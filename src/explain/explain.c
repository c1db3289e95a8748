/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * explain.c - what a fault record means
 *
 * The record decides first: most causes are a reason. Only the cause IO has several reasons, and
 * only what the kernel says tells them apart. Where it says nothing, the reason stays UNKNOWN.
 */
#include <mcsafe/explain.h>

#include <errno.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/errno_kept.h"
#include "base/no_cancel.h"
#include "base/page.h"
#include "base/pagemap.h"
#include "file.h"
#include "huge.h"
#include "mounts.h"
#include "place.h"
#include "reading.h"

struct question {
	const struct mcsafe_fault *fault;
	struct mcsafe_explanation *answer;
	uintptr_t addr;
	enum mcsafe__mapped mapped;
	struct mcsafe__place place; /* if mapped is MCSAFE__MAPPED */
	struct mcsafe__file file;   /* the same */
};

static void decide(struct question *q, enum mcsafe_reason reason, int error)
{
	q->answer->reason = reason;
	q->answer->error = error;
}

/* ---- what the record says -------------------------------------------------------------------- */

static enum mcsafe_reason reason_of(enum mcsafe_cause cause)
{
	switch (cause) {
	case MCSAFE_CAUSE_POISON:
		return MCSAFE_REASON_POISON;
	case MCSAFE_CAUSE_UNMAPPED:
		return MCSAFE_REASON_NOT_MAPPED;
	case MCSAFE_CAUSE_PROTECTED:
		return MCSAFE_REASON_PROTECTED;
	case MCSAFE_CAUSE_PKEY:
		return MCSAFE_REASON_KEY;
	case MCSAFE_CAUSE_ADDRESS:
		return MCSAFE_REASON_ADDRESS;
	default:
		return MCSAFE_REASON_UNKNOWN;
	}
}

/* The kernel has told an address that may be in a mapping. */
static bool has_place(enum mcsafe_cause cause)
{
	return cause == MCSAFE_CAUSE_IO || cause == MCSAFE_CAUSE_POISON ||
	       cause == MCSAFE_CAUSE_PROTECTED || cause == MCSAFE_CAUSE_PKEY ||
	       cause == MCSAFE_CAUSE_UNMAPPED;
}

/* ---- the mapping ----------------------------------------------------------------------------- */

static bool is_on(const struct question *q, unsigned magic)
{
	return q->file.has_fs && (unsigned)q->file.fs.f_type == magic;
}

static enum mcsafe_memory memory_of(const struct question *q)
{
	const char *path = q->answer->path;

	if (q->place.page_size > MCSAFE__PAGE || is_on(q, HUGETLBFS_MAGIC))
		return MCSAFE_MEMORY_HUGE;
	if (q->file.is_internal || strncmp(path, "[anon_shmem:", 12) == 0)
		return MCSAFE_MEMORY_SHARED;
	if (path[0] == '\0' || path[0] == '[')
		return MCSAFE_MEMORY_ANONYMOUS;
	if (q->file.fd < 0)
		return q->file.away != 0 ? MCSAFE_MEMORY_FILE : MCSAFE_MEMORY_UNKNOWN;
	if (S_ISCHR(q->file.st.st_mode) || S_ISBLK(q->file.st.st_mode))
		return MCSAFE_MEMORY_DEVICE;
	if (!S_ISREG(q->file.st.st_mode))
		return MCSAFE_MEMORY_UNKNOWN;
	return is_on(q, TMPFS_MAGIC) ? MCSAFE_MEMORY_SHARED : MCSAFE_MEMORY_FILE;
}

static unsigned flags_of(const struct question *q)
{
	unsigned flags = 0;

	if (q->file.is_deleted)
		flags |= MCSAFE_EXPLANATION_DELETED;
	else if (q->file.is_unchecked)
		flags |= MCSAFE_EXPLANATION_UNCHECKED;
	return q->place.is_cut ? flags | MCSAFE_EXPLANATION_CUT : flags;
}

static bool has_file(const struct question *q)
{
	const char *path = q->answer->path;

	return q->file.is_internal || (path[0] != '\0' && path[0] != '[');
}

static off_t offset_of(const struct question *q, uintptr_t addr)
{
	return has_file(q) ? (off_t)(q->place.offset + (addr - q->place.start)) : -1;
}

/* The unit in which memory of this mapping is missing. */
static size_t granule(const struct question *q)
{
	return q->place.page_size > MCSAFE__PAGE ? q->place.page_size : MCSAFE__PAGE;
}

static void describe_mapping(struct question *q)
{
	struct mcsafe_explanation *answer = q->answer;

	mcsafe__file_find(&q->place, &q->file, answer->path);
	if (q->file.huge_page != 0)
		q->place.page_size = q->file.huge_page;
	answer->memory = memory_of(q);
	answer->flags = flags_of(q);
	answer->offset = offset_of(q, q->addr);
	answer->file_size = has_file(q) ? mcsafe__file_size(&q->file) : -1;
	answer->filesystem = q->file.has_fs ? (unsigned)q->file.fs.f_type : 0;
	if (is_on(q, HUGETLBFS_MAGIC))
		q->place.page_size = (size_t)q->file.fs.f_bsize;
}

/* ---- reasons of I/O -------------------------------------------------------------------------- */

/* A file ends in the middle of a page: the page is there. */
static bool is_past_end(const struct question *q)
{
	off_t size = q->answer->file_size;
	size_t page = granule(q);

	return size >= 0 &&
	       mcsafe__down((size_t)q->answer->offset, page) >= mcsafe__up((size_t)size, page);
}

/* Blocks that this process may use. ext4 keeps some back from everybody but the superuser, and
 * some even from the superuser (Documentation/ABI/testing/sysfs-fs-ext4, reserved_clusters). */
static uint64_t free_blocks(const struct question *q)
{
	uint64_t kept;

	if (geteuid() != 0 || !is_on(q, EXT4_SUPER_MAGIC))
		return q->file.fs.f_bavail;
	if (!mcsafe__file_kept_back(&q->file, &kept))
		return UINT64_MAX;
	return q->file.fs.f_bfree > kept ? q->file.fs.f_bfree - kept : 0;
}

/* Whether the file system has no room for a page. Without a limit, tmpfs has 0 blocks. */
static bool is_full(const struct question *q)
{
	const struct statfs *fs = &q->file.fs;
	uint64_t block = fs->f_frsize > 0 ? (uint64_t)fs->f_frsize : (uint64_t)fs->f_bsize;

	return q->file.has_fs && fs->f_blocks != 0 && block != 0 &&
	       free_blocks(q) < (MCSAFE__PAGE + block - 1) / block;
}

/* f_bavail of hugetlbfs counts huge pages. Without a limit f_blocks is 0 or -1. */
static bool is_at_mount_limit(const struct question *q)
{
	return is_on(q, HUGETLBFS_MAGIC) && (int64_t)q->file.fs.f_blocks > 0 &&
	       q->file.fs.f_bavail == 0;
}

/* In the order in which the kernel asks for a huge page. */
static void explain_huge(struct question *q)
{
	if (is_at_mount_limit(q))
		decide(q, MCSAFE_REASON_NO_SPACE, ENOSPC);
	else if (mcsafe__huge_over_limit(q->place.page_size))
		decide(q, MCSAFE_REASON_OVER_LIMIT, ENOMEM);
	else if (mcsafe__huge_none_free(q->place.page_size))
		decide(q, MCSAFE_REASON_NO_HUGE_PAGE, ENOMEM);
}

/* A read needs space only on tmpfs, which fills a hole for it. */
static bool may_need_space(const struct question *q)
{
	return q->fault->side != MCSAFE_SIDE_SOURCE || is_on(q, TMPFS_MAGIC);
}

static bool is_read_only(const struct question *q)
{
	return q->fault->side == MCSAFE_SIDE_DESTINATION && q->place.is_shared &&
	       mcsafe__device_is_read_only(q->file.st.st_dev);
}

/*
 * EIO of a server or of another process does not say that a medium is bad: nfs(5), "soft". So the
 * file system must be one that has no server.
 */
static bool has_medium(const struct question *q)
{
	static const unsigned local[] = {
		BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC, ISOFS_SUPER_MAGIC,
		MSDOS_SUPER_MAGIC, SQUASHFS_MAGIC,   TMPFS_MAGIC,      XFS_SUPER_MAGIC,
	};

	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if (is_on(q, local[i]))
			return true;
	return S_ISBLK(q->file.st.st_mode);
}

static bool can_be_read(const struct question *q)
{
	return q->file.fd >= 0 && (S_ISREG(q->file.st.st_mode) || S_ISBLK(q->file.st.st_mode));
}

static void explain_by_reading(struct question *q)
{
	int error = mcsafe__reading(q->file.fd, q->answer->offset);

	if (error == MCSAFE__READING_HOLE && may_need_space(q) && is_full(q))
		decide(q, MCSAFE_REASON_NO_SPACE, ENOSPC);
	else if (error == EIO && has_medium(q))
		decide(q, MCSAFE_REASON_MEDIA, EIO);
	else if (error == EHWPOISON)
		decide(q, MCSAFE_REASON_POISON, EHWPOISON);
	else if (mcsafe__is_away(error))
		decide(q, MCSAFE_REASON_SERVER_AWAY, error);
	else if (is_read_only(q))
		decide(q, MCSAFE_REASON_READ_ONLY, EROFS);
}

static void explain_io(struct question *q)
{
	if (q->file.away != 0)
		decide(q, MCSAFE_REASON_SERVER_AWAY, q->file.away);
	else if (is_past_end(q))
		decide(q, MCSAFE_REASON_PAST_END, EIO);
	else if (mcsafe__has_poisoned_page(q->addr, q->addr + 1))
		decide(q, MCSAFE_REASON_POISON, EHWPOISON);
	else if (q->answer->memory == MCSAFE_MEMORY_HUGE)
		explain_huge(q);
	else if (can_be_read(q))
		explain_by_reading(q);
}

/* ---- what is lost ---------------------------------------------------------------------------- */

static void measure_poison(struct question *q)
{
	size_t len = q->fault->extent != 0 ? q->fault->extent : granule(q);
	uintptr_t start = mcsafe__down(q->addr, len);

	/* The block can begin before the mapping. */
	if (start < q->place.start) {
		len -= q->place.start - start;
		start = q->place.start;
	}
	q->answer->addr = (void *)start;
	q->answer->len = len;
	q->answer->offset = offset_of(q, start);
}

static void measure(struct question *q)
{
	switch (q->answer->reason) {
	case MCSAFE_REASON_POISON:
		measure_poison(q);
		break;
	case MCSAFE_REASON_PAST_END:
	case MCSAFE_REASON_PROTECTED:
	case MCSAFE_REASON_KEY:
		q->answer->len = q->place.end - q->addr;
		break;
	case MCSAFE_REASON_NOT_MAPPED:
		break;
	default:
		q->answer->len = mcsafe__down(q->addr, granule(q)) + granule(q) - q->addr;
	}
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Where nothing was mapped, only a guard page can have been there at the time of the fault. */
static bool is_of_later(const struct question *q)
{
	return q->fault->cause == MCSAFE_CAUSE_UNMAPPED && !mcsafe__page_is_guard(q->addr);
}

static void explain_place(struct question *q)
{
	char *path = q->answer->path;

	q->mapped = mcsafe__place_find(q->addr, &q->place, path, sizeof(q->answer->path));
	if (q->mapped != MCSAFE__MAPPED || is_of_later(q)) {
		path[0] = '\0';
		if (q->mapped == MCSAFE__NOT_MAPPED)
			q->answer->memory = MCSAFE_MEMORY_NONE;
		return;
	}
	describe_mapping(q);
	if (q->fault->cause == MCSAFE_CAUSE_IO)
		explain_io(q);
	measure(q);
	mcsafe__file_close(&q->file);
}

static void begin(struct question *q)
{
	struct mcsafe_explanation *answer = q->answer;

	memset(answer, 0, sizeof(*answer));
	answer->reason = reason_of(q->fault->cause);
	answer->side = q->fault->side;
	answer->error = mcsafe_fault_errno(q->fault);
	answer->offset = answer->file_size = -1;
	answer->addr = (void *)q->addr;
	if (answer->reason == MCSAFE_REASON_POISON)
		answer->len = q->fault->extent;
}

int mcsafe_explain(const struct mcsafe_fault *fault, struct mcsafe_explanation *explanation)
{
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();
	struct question q = {.fault = fault, .answer = explanation};

	if (fault == NULL || explanation == NULL || fault->cause == MCSAFE_CAUSE_NONE)
		return -EINVAL;
	q.addr = (uintptr_t)fault->addr;
	begin(&q);
	if (has_place(fault->cause))
		explain_place(&q);
	return 0;
}
