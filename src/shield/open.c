/* SPDX-License-Identifier: BSD-3-Clause */
/* open.c - open and close shields */
#include "shield.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/control.h"
#include "base/maps.h"
#include "handler/shield_hook.h"

/* ---- options --------------------------------------------------------------------------------- */

int mcsafe__shield_take_options(struct mcsafe_shield_options *to,
				const struct mcsafe_shield_options *from)
{
	const char *bytes = (const char *)from;

	*to = (struct mcsafe_shield_options){.size = sizeof(*to)};
	if (from == NULL)
		return 0;
	if (from->size < sizeof(*to))
		return -EINVAL;
	for (size_t i = sizeof(*to); i < from->size; i++)
		if (bytes[i] != 0)
			return -E2BIG;
	memcpy(to, from, sizeof(*to));
	for (size_t i = 0; i < sizeof(to->reserved) / sizeof(to->reserved[0]); i++)
		if (to->reserved[i] != NULL)
			return -EINVAL;
	return (to->flags & ~MCSAFE_SHIELD_FILE) == 0 ? 0 : -EINVAL;
}

static int keep_mirror(struct mcsafe_shield *shield, const struct mcsafe_shield_options *options)
{
	int flags = fcntl(options->mirror_fd, F_GETFL), fd;

	if (options->mirror_offset < 0)
		return -EINVAL;
	if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY || (flags & O_PATH))
		return -EBADF;
	if (lseek(options->mirror_fd, 0, SEEK_CUR) < 0)
		return -errno;
	fd = mcsafe__fd_duplicate(options->mirror_fd, &shield->mirror.id);
	if (fd < 0)
		return fd;
	shield->mirror.fd = fd;
	shield->mirror_offset = options->mirror_offset;
	return 0;
}

static int take_fill(struct mcsafe_shield *shield, const struct mcsafe_shield_options *options)
{
	shield->fill = options->fill;
	shield->byte = options->byte;
	shield->on_loss = options->on_loss;
	shield->arg = options->arg;
	switch (options->fill) {
	case MCSAFE_SHIELD_ZERO:
		return 0;
	case MCSAFE_SHIELD_BYTE:
		return options->byte >= 0 && options->byte <= UCHAR_MAX ? 0 : -EINVAL;
	case MCSAFE_SHIELD_MIRROR:
		return keep_mirror(shield, options);
	}
	return -EINVAL;
}

/* ---- the file -------------------------------------------------------------------------------- */

/*
 * Map the first page of a shared mapping a second time: mremap(2) of 0 bytes does that. So the file
 * can be mapped again whatever its name or mode is now. Huge pages do not offer that.
 */
static void keep_page(struct mcsafe_shield *shield)
{
	void *page;

	if (shield->origin.inode == 0 || !shield->origin.is_shared)
		return;
	page = mremap((void *)shield->start, 0, MCSAFE__PAGE, MREMAP_MAYMOVE);
	if (page == MAP_FAILED)
		return;
	/* The program may have said MADV_DONTFORK of its own mapping. If a child did not have this
	 * one, it would use and unmap what else is there. Fails for memory of devices. */
	(void)madvise(page, MCSAFE__PAGE, MADV_DOFORK);
	shield->first_page = page;
}

/* ---- open, close ----------------------------------------------------------------------------- */

/* Have the range begin and end at pages of that size. */
static int round_range(struct mcsafe_shield *shield, uintptr_t start, size_t len, size_t page)
{
	if (start % page != 0 || mcsafe__wraps(start, mcsafe__down(len - 1, page) + page))
		return -EINVAL;
	shield->start = start;
	shield->end = start + mcsafe__down(len - 1, page) + page;
	shield->granule = page;
	return 0;
}

/* The range and the path, from what the kernel says about the start. */
static int take_range(struct mcsafe_shield *shield, void *base, size_t len, char path[PATH_MAX])
{
	uintptr_t start = (uintptr_t)base;
	struct mcsafe__vma vma;

	if (len == 0 || start % MCSAFE__PAGE != 0 || mcsafe__wraps(start, len))
		return -EINVAL;
	switch (mcsafe__vma_at_path(start, &vma, path, PATH_MAX)) {
	case MCSAFE__NOT_MAPPED:
		return -EFAULT;
	case MCSAFE__MAPPED_UNKNOWN:
		return -ENODATA;
	case MCSAFE__MAPPED:
		break;
	}
	if (vma.prot & PROT_EXEC)
		return -EACCES;
	shield->origin = mcsafe__shield_origin(&vma);
	return round_range(shield, start, len, vma.page > MCSAFE__PAGE ? vma.page : MCSAFE__PAGE);
}

/* Before Linux 6.11 the kernel does not tell the size of the pages of a mapping. Then the file
 * does, if there is one. */
static int learn_granule(struct mcsafe_shield *shield)
{
	size_t page;

	if (shield->granule > MCSAFE__PAGE || shield->file.fd < 0 ||
	    !mcsafe__shield_is_hugetlbfs(shield->file.fd, &page))
		return 0;
	return round_range(shield, shield->start, shield->end - shield->start, page);
}

/* A bit for each page. */
static int allocate_bits(const struct mcsafe_shield *shield, _Atomic uint64_t **bits)
{
	size_t words = (shield->end - shield->start) / MCSAFE__PAGE / 64 + 1;

	*bits = calloc(words, sizeof(**bits));
	return *bits != NULL ? 0 : -ENOMEM;
}

static int prepare(struct mcsafe_shield *shield, void *base, size_t len,
		   const struct mcsafe_shield_options *from)
{
	struct mcsafe_shield_options options;
	char path[PATH_MAX];
	int err = mcsafe__shield_take_options(&options, from);

	if (err == 0)
		err = take_range(shield, base, len, path);
	if (err == 0)
		err = take_fill(shield, &options);
	if (err == 0 && (options.flags & MCSAFE_SHIELD_FILE))
		err = mcsafe__shield_keep_file(shield, options.file_fd);
	else if (err == 0)
		mcsafe__shield_find_file(shield, path);
	if (err == 0)
		err = learn_granule(shield);
	if (err == 0)
		err = allocate_bits(shield, &shield->pages);
	if (err == 0 && shield->granule > MCSAFE__PAGE && shield->file.fd >= 0) {
		err = allocate_bits(shield, &shield->carried_pages);
		mcsafe__shield_keep_reader(shield);
	}
	if (err == 0)
		keep_page(shield);
	return err;
}

static void destroy(struct mcsafe_shield *shield)
{
	if (shield->first_page != NULL)
		munmap(shield->first_page, MCSAFE__PAGE);
	mcsafe__shield_end_staging(shield);
	if (shield->mirror.fd >= 0)
		mcsafe__fd_close(shield->mirror.fd, &shield->mirror.id);
	mcsafe__shield_end_file(shield);
	free((void *)(uintptr_t)shield->pages);
	free((void *)(uintptr_t)shield->carried_pages);
	free(shield);
}

static void drop_unused_maps(void)
{
	if (mcsafe__shield_is_idle())
		mcsafe__shield_drop_maps();
}

int mcsafe__shield_open(struct mcsafe_shield **shield, void *base, size_t len,
			const struct mcsafe_shield_options *options, mcsafe__shield_note_fn note,
			void *note_arg)
{
	struct mcsafe__section section;
	struct mcsafe_shield *new;
	int err;

	mcsafe__control_enter(&section);
	new = calloc(1, sizeof(*new));
	err = new != NULL ? mcsafe__shield_prepare() : -ENOMEM;
	if (err == 0)
		err = mcsafe__shield_keep_maps();
	if (new != NULL) {
		new->mirror.fd = new->file.fd = new->reader.fd = -1;
		new->note = note;
		new->note_arg = note_arg;
		if (err == 0)
			err = prepare(new, base, len, options);
		if (err == 0)
			err = mcsafe__shield_add(new);
		if (err != 0)
			destroy(new);
	}
	if (err != 0)
		drop_unused_maps();
	if (err == 0) {
		mcsafe__shield_look_at_room();
		atomic_store(&mcsafe__shield_hook, mcsafe__shield_claim);
		*shield = new;
	}
	mcsafe__control_leave(&section);
	return err;
}

int mcsafe_shield_open(struct mcsafe_shield **shield, void *base, size_t len,
		       const struct mcsafe_shield_options *options)
{
	return mcsafe__shield_open(shield, base, len, options, NULL, NULL);
}

int mcsafe_shield_close(struct mcsafe_shield *shield)
{
	struct mcsafe__section section;
	int err;

	if (shield == NULL)
		return 0;
	mcsafe__control_enter(&section);
	err = mcsafe__shield_remove(shield);
	if (err == 0) {
		destroy(shield);
		drop_unused_maps();
	}
	mcsafe__control_leave(&section);
	return err;
}
