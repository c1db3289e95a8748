/* SPDX-License-Identifier: BSD-3-Clause */
/* explain_text.c - an explanation as one line */
#include "explain.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/escape.h"
#include "numbers.h"

/* linux/magic.h of older kernels lacks some of these. */
#define CIFS_MAGIC 0xff534d42u
#define SMB2_MAGIC 0xfe534d42u
#define CEPH_MAGIC 0x00c36400u
#define FUSE_MAGIC 0x65735546u

/* A line that counts what does not fit. After the first piece without room, nothing is written. */
struct line {
	char *to;
	size_t room, written, length;
	bool is_full;
};

/* Add a piece that must not be cut. */
static void add(struct line *line, const char *piece, size_t n)
{
	line->length += n;
	if (line->is_full || n >= line->room - line->written) {
		line->is_full = true;
		return;
	}
	memcpy(line->to + line->written, piece, n);
	line->written += n;
}

static void put(struct line *line, const char *text)
{
	for (; *text != '\0'; text++)
		add(line, text, 1);
}

static void put_number(struct line *line, uint64_t value, unsigned base)
{
	char digits[24];

	(void)mcsafe__append_number(digits, value, base);
	put(line, digits);
}

/* What is visible is kept, all other bytes become \xNN, as in base/escape.h. */
static void put_outside(struct line *line, const char *text)
{
	static const char digits[] = "0123456789abcdef";

	while (*text != '\0') {
		size_t n = mcsafe__visible_len(text);
		unsigned char byte = (unsigned char)*text;
		const char escaped[] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};

		if (n == 0)
			add(line, escaped, sizeof(escaped));
		else
			add(line, text, n);
		text += n != 0 ? n : 1;
	}
}

/* ---- words ----------------------------------------------------------------------------------- */

const char *mcsafe_reason_name(enum mcsafe_reason reason)
{
	static const char *const names[] = {
		[MCSAFE_REASON_UNKNOWN] = "unknown",
		[MCSAFE_REASON_PAST_END] = "past-end",
		[MCSAFE_REASON_NO_SPACE] = "no-space",
		[MCSAFE_REASON_NO_HUGE_PAGE] = "no-huge-page",
		[MCSAFE_REASON_OVER_LIMIT] = "over-limit",
		[MCSAFE_REASON_POISON] = "poison",
		[MCSAFE_REASON_MEDIA] = "media",
		[MCSAFE_REASON_SERVER_AWAY] = "server-away",
		[MCSAFE_REASON_READ_ONLY] = "read-only",
		[MCSAFE_REASON_NOT_MAPPED] = "not-mapped",
		[MCSAFE_REASON_PROTECTED] = "protected",
		[MCSAFE_REASON_KEY] = "key",
		[MCSAFE_REASON_ADDRESS] = "address",
	};
	size_t i = (size_t)reason;

	return i < sizeof(names) / sizeof(names[0]) ? names[i] : names[MCSAFE_REASON_UNKNOWN];
}

static const char *filesystem_name(unsigned magic)
{
	static const struct {
		unsigned magic;
		const char *name;
	} names[] = {
		{AFS_SUPER_MAGIC, "afs"},   {BTRFS_SUPER_MAGIC, "btrfs"},
		{CEPH_MAGIC, "ceph"},       {CIFS_MAGIC, "cifs"},
		{EXT4_SUPER_MAGIC, "ext4"}, {F2FS_SUPER_MAGIC, "f2fs"},
		{FUSE_MAGIC, "fuse"},       {HUGETLBFS_MAGIC, "hugetlbfs"},
		{NFS_SUPER_MAGIC, "nfs"},   {OVERLAYFS_SUPER_MAGIC, "overlayfs"},
		{SMB2_MAGIC, "smb2"},       {SQUASHFS_MAGIC, "squashfs"},
		{TMPFS_MAGIC, "tmpfs"},     {V9FS_MAGIC, "9p"},
		{XFS_SUPER_MAGIC, "xfs"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].magic == magic)
			return names[i].name;
	return "the file system";
}

/* Of memory whose path is empty. Shared memory and huge pages without one are anonymous. */
static const char *memory_name(enum mcsafe_memory memory)
{
	switch (memory) {
	case MCSAFE_MEMORY_ANONYMOUS:
		return "anonymous memory";
	case MCSAFE_MEMORY_FILE:
		return "a file";
	case MCSAFE_MEMORY_SHARED:
		return "shared anonymous memory";
	case MCSAFE_MEMORY_HUGE:
		return "anonymous huge pages";
	case MCSAFE_MEMORY_DEVICE:
		return "a device";
	default:
		return "memory";
	}
}

/* ---- the line -------------------------------------------------------------------------------- */

static void put_place(struct line *line, const struct mcsafe_explanation *e)
{
	if (e->flags & MCSAFE_EXPLANATION_CUT)
		put(line, "...");
	if (e->path[0] != '\0')
		put_outside(line, e->path);
	else
		put(line, memory_name(e->memory));
	if (e->flags & MCSAFE_EXPLANATION_DELETED)
		put(line, " (deleted)");
	if (e->offset >= 0) {
		put(line, ", offset ");
		put_number(line, (uint64_t)e->offset, 10);
	} else if (e->reason != MCSAFE_REASON_UNKNOWN || e->addr != NULL) {
		put(line, ", address 0x");
		put_number(line, (uintptr_t)e->addr, 16);
	}
}

static void put_past_end(struct line *line, const struct mcsafe_explanation *e)
{
	put(line, "past the end of the ");
	put(line, e->memory == MCSAFE_MEMORY_DEVICE ? "device" : "file");
	put(line, ", which has ");
	put_number(line, (uint64_t)e->file_size, 10);
	put(line, " bytes");
}

static void put_poison(struct line *line, const struct mcsafe_explanation *e)
{
	put(line, "poisoned memory");
	if (e->len != 0) {
		put(line, ", ");
		put_number(line, e->len, 10);
		put(line, " bytes are lost");
	}
}

static void put_unknown(struct line *line, const struct mcsafe_explanation *e)
{
	const char *name = strerrordesc_np(e->error);

	put(line, "cannot be accessed, the reason is not known (");
	put(line, name != NULL ? name : "unknown error");
	put(line, ")");
}

static void put_away(struct line *line, const struct mcsafe_explanation *e)
{
	const char *name = strerrordesc_np(e->error);

	put(line, "the server of the file system does not answer (");
	put(line, name != NULL ? name : "unknown error");
	put(line, ")");
}

static const char *action_name(enum mcsafe_side side)
{
	switch (side) {
	case MCSAFE_SIDE_SOURCE:
		return "reading";
	case MCSAFE_SIDE_DESTINATION:
		return "writing";
	default:
		return "the access";
	}
}

/* Memory is named only if a page of it was a guard page. */
static bool is_guard_page(const struct mcsafe_explanation *e)
{
	return e->memory != MCSAFE_MEMORY_NONE && e->memory != MCSAFE_MEMORY_UNKNOWN;
}

static void put_reason(struct line *line, const struct mcsafe_explanation *e)
{
	switch (e->reason) {
	case MCSAFE_REASON_PAST_END:
		put_past_end(line, e);
		break;
	case MCSAFE_REASON_NO_SPACE:
		put(line, "no space left on ");
		put(line, filesystem_name(e->filesystem));
		break;
	case MCSAFE_REASON_NO_HUGE_PAGE:
		put(line, "no huge page left");
		break;
	case MCSAFE_REASON_OVER_LIMIT:
		put(line, "over the limit of huge pages of the cgroup");
		break;
	case MCSAFE_REASON_POISON:
		put_poison(line, e);
		break;
	case MCSAFE_REASON_MEDIA:
		put(line, "the medium cannot be read");
		break;
	case MCSAFE_REASON_SERVER_AWAY:
		put_away(line, e);
		break;
	case MCSAFE_REASON_READ_ONLY:
		put(line, filesystem_name(e->filesystem));
		put(line, " is now read-only");
		break;
	case MCSAFE_REASON_NOT_MAPPED:
		put(line, is_guard_page(e) ? "a guard page" : "not mapped");
		break;
	case MCSAFE_REASON_PROTECTED:
		put(line, action_name(e->side));
		put(line, " is not allowed");
		break;
	case MCSAFE_REASON_KEY:
		put(line, "not allowed by a protection key");
		break;
	case MCSAFE_REASON_ADDRESS:
		put(line, "not an address of memory");
		break;
	default:
		put_unknown(line, e);
	}
}

int mcsafe__explain_reason(const struct mcsafe_explanation *explanation, char *line, size_t size)
{
	struct line out = {.to = line, .room = size};

	put_reason(&out, explanation);
	line[out.written] = '\0';
	return (int)out.length;
}

int mcsafe_explain_text(const struct mcsafe_explanation *explanation, char *line, size_t size)
{
	struct line out = {.to = line, .room = size, .is_full = size == 0};

	if (explanation == NULL || (line == NULL && size != 0))
		return -EINVAL;
	put_place(&out, explanation);
	put(&out, ": ");
	put_reason(&out, explanation);
	if (size != 0)
		line[out.written] = '\0';
	return (int)out.length;
}
