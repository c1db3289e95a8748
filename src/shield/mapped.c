/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mapped.c - ask what is mapped, also when no descriptor is left
 *
 * Runs in the signal handler, in a section. Of libc it calls open, fcntl, fstat, close and errno,
 * and what base/vma.c calls.
 *
 * A descriptor of /proc/self/maps is kept as long as a shield is open. The file tells of the memory
 * of the process that has opened it, so a child of fork(2) must not ask there. What is known of the
 * descriptor is in the page that the kernel fills with zeros in a child (table.c). The child opens
 * the file at its first fault, and closes that of its parent before, so that it can even if no
 * number is free. Where the parent's is, stands in ordinary memory.
 */
#include "shield.h"

#include <errno.h>
#include <unistd.h>

/* Where this process or its parent has opened the file; fd is 0 if neither has. Changed together
 * with what the page has, under the lock. */
static struct mcsafe__kept last;

/* Open the file. 0, or -errno. Under the lock. */
static int keep(struct mcsafe__kept *kept)
{
	int err;

	if (last.fd > 0)
		mcsafe__fd_close(last.fd, &last.id);
	last.fd = 0;
	kept->fd = mcsafe__maps_open();
	err = kept->fd < 0 ? -errno : mcsafe__fd_identify(kept->fd, &kept->id);
	if (err == 0) {
		last = *kept;
		return 0;
	}
	if (kept->fd >= 0)
		close(kept->fd);
	kept->fd = 0;
	return err;
}

int mcsafe__shield_keep_maps(void)
{
	struct mcsafe__kept *kept = mcsafe__shield_lock_maps();
	int err = 0;

	if (kept->fd == 0 || !mcsafe__fd_is_same(kept->fd, &kept->id)) {
		/* Another file may have the number of one that was closed. */
		kept->fd = 0;
		err = keep(kept);
	}
	mcsafe__shield_unlock_maps();
	return err == 0 || err == -EMFILE || err == -ENFILE ? err : -ENODATA;
}

void mcsafe__shield_drop_maps(void)
{
	struct mcsafe__kept *kept = mcsafe__shield_lock_maps();

	if (last.fd > 0)
		mcsafe__fd_close(last.fd, &last.id);
	last.fd = kept->fd = 0;
	mcsafe__shield_unlock_maps();
}

/* The kept one is used wherever it is there: a fault of a process that has used up its descriptors
 * should not be the first to do so. */
void mcsafe__shield_open_maps(struct mcsafe__maps *maps)
{
	struct mcsafe__kept *kept = mcsafe__shield_lock_maps(), copy;

	if (kept->fd == 0)
		(void)keep(kept);
	copy = *kept;
	mcsafe__shield_unlock_maps();
	maps->is_kept = copy.fd > 0 && mcsafe__fd_is_same(copy.fd, &copy.id);
	maps->fd = maps->is_kept ? copy.fd : mcsafe__maps_open();
}

void mcsafe__shield_close_maps(const struct mcsafe__maps *maps)
{
	if (maps->fd >= 0 && !maps->is_kept)
		close(maps->fd);
}

enum mcsafe__mapped mcsafe__shield_ask_next(const struct mcsafe__maps *maps, uintptr_t addr,
					    struct mcsafe__vma *vma)
{
	enum mcsafe__mapped found;
	int err;

	if (maps->fd < 0)
		return MCSAFE__MAPPED_UNKNOWN;
	err = mcsafe__vma_ask_next(maps->fd, addr, vma);
	if (err == 0)
		return MCSAFE__MAPPED;
	if (err == ENOENT)
		return MCSAFE__NOT_MAPPED;
	/* Before Linux 6.11. Threads that read the text at once would find lines that are cut. */
	if (maps->is_kept)
		(void)mcsafe__shield_lock_maps();
	found = mcsafe__vma_next_from_text(maps->fd, addr, vma);
	if (maps->is_kept)
		mcsafe__shield_unlock_maps();
	return found;
}

enum mcsafe__mapped mcsafe__shield_ask(const struct mcsafe__maps *maps, uintptr_t addr,
				       struct mcsafe__vma *vma)
{
	enum mcsafe__mapped found = mcsafe__shield_ask_next(maps, addr, vma);

	return found == MCSAFE__MAPPED && addr < vma->start ? MCSAFE__NOT_MAPPED : found;
}
