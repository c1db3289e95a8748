/* SPDX-License-Identifier: BSD-3-Clause */
/* restore.c - give the file's own pages back; put stand-ins in place beforehand */
#include "shield.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/errno_kept.h"

static uintptr_t least(uintptr_t a, uintptr_t b)
{
	return a < b ? a : b;
}

/* The end of a range of a shield, which is given as offsets. */
static uintptr_t end_of(const struct mcsafe_shield *shield, size_t start, size_t len)
{
	size_t size = shield->end - shield->start;

	return start >= size || len >= size - start ? shield->end : shield->start + start + len;
}

/* The first failed granule of a range; its end if there is none, or if the kernel cannot tell. */
static uintptr_t first_failed(uintptr_t start, uintptr_t end, size_t granule)
{
	size_t n = (end - start) / granule;
	int err = mcsafe__shield_try(start, end, false);

	if (err == 0 || err == -EOPNOTSUPP)
		return end;
	/* The first failed one is in the n granules from start on. */
	while (n > 1) {
		if (mcsafe__shield_try(start, start + n / 2 * granule, false) == 0) {
			start += n / 2 * granule;
			n -= n / 2;
		} else {
			n /= 2;
		}
	}
	return start;
}

/* ---- touch ----------------------------------------------------------------------------------- */

#define TOUCHED_AT_ONCE ((size_t)2 << 20)

/* Replace a page if it has failed. 1: *replaced was replaced. 0: it can be read. -errno. */
static int touch_page(struct mcsafe_shield *shield, uintptr_t page,
		      struct mcsafe__replaced *replaced)
{
	struct mcsafe__failed failed = {.addr = page, .is_asked = true};
	struct mcsafe__shield_section section;
	int done;

	mcsafe__shield_enter(&section);
	mcsafe__shield_lock(shield);
	done = mcsafe__shield_replace(shield, &failed, replaced);
	/* Not mapped or not readable: an access would raise SIGSEGV. */
	if (done == 0 && mcsafe__shield_try(page, page + MCSAFE__PAGE, false) != 0)
		done = -EFAULT;
	mcsafe__shield_unlock(shield);
	mcsafe__shield_leave(&section);
	return done;
}

/* Go on from `at`. Returns the first page that has not been seen to, and *err. */
static uintptr_t touch_some(struct mcsafe_shield *shield, uintptr_t at, uintptr_t end, int *err)
{
	uintptr_t next = least(mcsafe__down(at, TOUCHED_AT_ONCE) + TOUCHED_AT_ONCE, end);
	uintptr_t failed = first_failed(at, next, MCSAFE__PAGE);
	struct mcsafe__replaced replaced;
	int done;

	if (failed == next)
		return next;
	done = touch_page(shield, failed, &replaced);
	*err = done < 0 ? done : 0;
	if (done != 1)
		return failed + MCSAFE__PAGE;
	mcsafe__shield_tell((void *)shield->start, &replaced, shield->on_loss, shield->arg);
	return shield->start + replaced.end;
}

int mcsafe_shield_touch(struct mcsafe_shield *shield, size_t start, size_t len)
{
	MCSAFE__KEEP_ERRNO();
	uintptr_t at = shield->start + mcsafe__down(start, MCSAFE__PAGE);
	uintptr_t end = mcsafe__up(end_of(shield, start, len), MCSAFE__PAGE);
	int err = 0;

	if (len == 0 || start >= shield->end - shield->start)
		return 0;
	if (mcsafe__shield_try(at, at + MCSAFE__PAGE, false) == -EOPNOTSUPP)
		return -EOPNOTSUPP;
	while (err == 0 && at < end)
		at = touch_some(shield, at, end, &err);
	if (err == -EIO || err == -ENOMEM || err == 0)
		return err;
	return -EFAULT;
}

/* ---- put ------------------------------------------------------------------------------------- */

/* 1: *replaced was replaced. 0: a stand-in was there. -errno. */
static int put_page(struct mcsafe_shield *shield, uintptr_t page, struct mcsafe__replaced *replaced)
{
	struct mcsafe__failed failed = {.addr = page, .is_poison = true, .is_known = true};
	struct mcsafe__shield_section section;
	int done = 0;

	mcsafe__shield_enter(&section);
	mcsafe__shield_lock(shield);
	if (!mcsafe__shield_is_marked(shield, page))
		done = mcsafe__shield_replace(shield, &failed, replaced);
	mcsafe__shield_unlock(shield);
	mcsafe__shield_leave(&section);
	return done;
}

int mcsafe__shield_put(struct mcsafe_shield *shield, size_t start, size_t len)
{
	uintptr_t at = shield->start + mcsafe__down(start, MCSAFE__PAGE);
	uintptr_t end = mcsafe__up(end_of(shield, start, len), MCSAFE__PAGE);
	struct mcsafe__replaced replaced;
	int result = 0;

	if (len == 0 || start >= shield->end - shield->start)
		return 0;
	while (at < end) {
		int done = put_page(shield, at, &replaced);

		if (done < 0 && result == 0)
			result = done;
		if (done == 1)
			mcsafe__shield_tell((void *)shield->start, &replaced, shield->on_loss,
					    shield->arg);
		at = done == 1 ? shield->start + replaced.end : at + MCSAFE__PAGE;
	}
	return result;
}

/* ---- restore --------------------------------------------------------------------------------- */

/* Pages of the file at another address. */
struct copy {
	uintptr_t start, end;
	int prot;
};

/* Map [start, end) of the shield from the file's page that is kept mapped. A mapping can be made
 * longer, but not begin later in the file, so what comes before is unmapped again. */
static int map_from_page(const struct mcsafe_shield *shield, const struct mcsafe__maps *maps,
			 uintptr_t start, uintptr_t end, struct copy *copy)
{
	size_t before = start - shield->start, n = end - shield->start;
	char *all = mremap(shield->first_page, 0, n, MREMAP_MAYMOVE);
	struct mcsafe__vma vma;

	if (all == MAP_FAILED)
		return errno == ENOMEM || errno == EAGAIN ? -ENOMEM : -EOPNOTSUPP;
	if (before > 0)
		munmap(all, before);
	copy->start = (uintptr_t)all + before;
	copy->end = (uintptr_t)all + n;
	copy->prot = mcsafe__shield_ask(maps, copy->start, &vma) == MCSAFE__MAPPED ? vma.prot : -1;
	return 0;
}

/* Open the file again. A file that can only be read serves if nothing can be stored. */
static int open_file(const struct mcsafe_shield *shield, int prot)
{
	struct mcsafe__file_id id;
	int fd = -EACCES;

	if (shield->origin.is_shared)
		fd = mcsafe__shield_open_again(shield, O_RDWR, &id);
	if (fd < 0 && (!shield->origin.is_shared || !(prot & PROT_WRITE)))
		fd = mcsafe__shield_open_again(shield, O_RDONLY, &id);
	return fd;
}

static int map_from_file(const struct mcsafe_shield *shield, uintptr_t start, uintptr_t end,
			 struct copy *copy)
{
	int flags = shield->origin.is_shared ? MAP_SHARED : MAP_PRIVATE, fd, err = 0;
	bool is_kept = mcsafe__shield_has_reader(shield);
	void *at;

	if (shield->file.fd < 0 || !mcsafe__fd_is_same(shield->file.fd, &shield->file.id))
		return -EOPNOTSUPP;
	fd = is_kept ? shield->reader.fd : open_file(shield, copy->prot);
	if (fd < 0)
		return fd == -EMFILE || fd == -ENFILE ? -ENOMEM : -EOPNOTSUPP;
	at = mmap(NULL, end - start, copy->prot, flags, fd, (off_t)(shield->origin.shift + start));
	if (at == MAP_FAILED)
		err = errno == ENOMEM || errno == EAGAIN ? -ENOMEM : -EOPNOTSUPP;
	if (!is_kept)
		close(fd);
	copy->start = (uintptr_t)at;
	copy->end = (uintptr_t)at + (end - start);
	return err;
}

/* What is restored in one step: a part of one mapping of stand-ins. */
struct stretch {
	struct mcsafe_shield *shield;
	const struct mcsafe__maps *maps;
	uintptr_t start, end;       /* of the stand-ins */
	struct mcsafe__vma mapping; /* that they are in */
	struct copy copy;           /* what takes their place */
	size_t granule;
	int err;
};

/* Move good pages of the copy to their place. */
static void move_back(struct stretch *stretch, uintptr_t from, uintptr_t end)
{
	uintptr_t to = stretch->start + (from - stretch->copy.start);
	struct mcsafe__vma now;
	size_t n = end - from;

	if (mremap((void *)from, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED) {
		stretch->err = -ENOMEM;
		munmap((void *)from, n);
		return;
	}
	if (mcsafe__shield_ask(stretch->maps, to, &now) == MCSAFE__MAPPED)
		mcsafe__shield_note_given_back(&stretch->mapping, &now, to, to + n);
	mcsafe__shield_unmark(stretch->shield, to, to + n);
}

static void give_up(struct stretch *stretch, uintptr_t from, uintptr_t end)
{
	if (stretch->err == 0)
		stretch->err = -EIO;
	munmap((void *)from, end - from);
}

/* Move what is good, and unmap the rest. */
static void sort_out(struct stretch *stretch, uintptr_t from, uintptr_t end)
{
	while (from < end) {
		uintptr_t failed = first_failed(from, end, stretch->granule), good;

		if (failed > from)
			move_back(stretch, from, failed);
		for (good = failed; good < end; good += stretch->granule)
			if (mcsafe__shield_try(good, good + stretch->granule, false) == 0)
				break;
		if (good > failed)
			give_up(stretch, failed, good);
		from = good;
	}
}

/* Where the file ends in the stretch. What follows need not be tried. It must not be mapped either:
 * a mapping of hugetlbfs that can be written makes the file longer (hugetlbfs_file_mmap()). */
static uintptr_t end_in_file(const struct stretch *stretch)
{
	const struct mcsafe_shield *shield = stretch->shield;
	off_t size = mcsafe__shield_file_size(shield);
	uint64_t at = shield->origin.shift + stretch->start, end;

	if (size < 0)
		return stretch->end;
	end = mcsafe__up((size_t)size, stretch->granule);
	if (end <= at)
		return stretch->start;
	return least(stretch->end, stretch->start + (end - at));
}

/* Map the file's pages up to `end` elsewhere, with the protection of the stand-ins. */
static int map_copy(struct stretch *stretch, uintptr_t end)
{
	struct mcsafe_shield *shield = stretch->shield;
	struct copy *copy = &stretch->copy;
	int prot = copy->prot, err = -EOPNOTSUPP;

	if (shield->first_page != NULL)
		err = map_from_page(shield, stretch->maps, stretch->start, end, copy);
	/* The mapping of a device may not get longer. */
	if (err == -EOPNOTSUPP)
		err = map_from_file(shield, stretch->start, end, copy);
	if (err != 0 || copy->prot == prot)
		return err;
	if (mprotect((void *)copy->start, copy->end - copy->start, prot) == 0)
		return 0;
	err = errno == ENOMEM ? -ENOMEM : -EOPNOTSUPP;
	munmap((void *)copy->start, copy->end - copy->start);
	return err;
}

static void restore_stretch(struct stretch *stretch)
{
	uintptr_t end = end_in_file(stretch);

	if (end > stretch->start) {
		stretch->err = map_copy(stretch, end);
		if (stretch->err == 0)
			sort_out(stretch, stretch->copy.start, stretch->copy.end);
	}
	if (end < stretch->end && stretch->err == 0)
		stretch->err = -EIO;
}

/* Restore the stand-ins that begin at stretch->start, up to stretch->end or less. Returns where to
 * go on. */
static uintptr_t restore_first(struct stretch *stretch)
{
	struct mcsafe__vma vma = {.page = 0};
	enum mcsafe__mapped found = mcsafe__shield_ask_next(stretch->maps, stretch->start, &vma);
	bool is_mapped = found == MCSAFE__MAPPED && vma.start <= stretch->start;

	if (found == MCSAFE__MAPPED_UNKNOWN) {
		stretch->err = -ENODATA;
		return stretch->end;
	}
	if (found == MCSAFE__MAPPED)
		stretch->end = least(stretch->end, is_mapped ? vma.end : vma.start);
	if (is_mapped && vma.inode == 0 && !vma.is_shared) {
		stretch->mapping = vma;
		stretch->copy.prot = vma.prot;
		stretch->granule = stretch->shield->granule;
		restore_stretch(stretch);
	} else {
		/* The program has put something else there, or nothing. */
		mcsafe__shield_unmark(stretch->shield, stretch->start, stretch->end);
	}
	return stretch->end;
}

/* Restore the first stand-ins of [at, end). Returns where to go on; end if there is no more. */
static uintptr_t restore_some(struct mcsafe_shield *shield, uintptr_t at, uintptr_t end, int *err)
{
	struct mcsafe__shield_section section;
	struct mcsafe__maps maps;
	struct mcsafe_range range;
	uintptr_t next = end;

	mcsafe__shield_enter(&section);
	mcsafe__shield_lock(shield);
	mcsafe__shield_open_maps(&maps);
	if (mcsafe__shield_next_stand_in(shield, at - shield->start, &range) &&
	    shield->start + range.start < end) {
		struct stretch stretch = {
			.shield = shield,
			.maps = &maps,
			.start = shield->start + range.start,
			.end = least(shield->start + range.start + range.len, end),
		};

		next = restore_first(&stretch);
		*err = stretch.err;
	}
	mcsafe__shield_close_maps(&maps);
	mcsafe__shield_unlock(shield);
	mcsafe__shield_leave(&section);
	return next;
}

int mcsafe_shield_restore(struct mcsafe_shield *shield, size_t start, size_t len)
{
	MCSAFE__KEEP_ERRNO();
	uintptr_t at, end;
	int result = 0;

	if (len == 0 || start >= shield->end - shield->start)
		return 0;
	mcsafe__shield_look_at_room();
	at = shield->start + mcsafe__down(start, shield->granule);
	end = shield->start +
	      mcsafe__up(end_of(shield, start, len) - shield->start, shield->granule);
	while (at < end) {
		int err = 0;

		at = restore_some(shield, at, end, &err);
		if (err != 0 && result != -ENOMEM)
			result = err;
	}
	return result;
}
