/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fill.c - fill memory for stand-ins at another address, and move it to its place
 *
 * Runs in the signal handler, in a section, under the lock of the shield. Of libc it calls memset,
 * mmap, mremap, mprotect, munmap, munlock, madvise, open, fcntl, close, fstat and pread.
 *
 * Stand-ins next to each other should be one mapping, or a process with many losses reaches
 * vm.max_map_count. The kernel joins two mappings of private memory with pages in them only if
 * these pages were made in one mapping, and are as far apart as they were there. So memory is
 * filled in a staging mapping that is as long as the shield, at the place that it will have in the
 * shield. A move with MREMAP_DONTUNMAP takes the pages away, and the staging mapping stays whole.
 */
#include "shield.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/descriptor.h"

#ifndef MREMAP_DONTUNMAP /* Linux 5.7 */
# define MREMAP_DONTUNMAP 4
#endif

#define FILLED (PROT_READ | PROT_WRITE)

/* ---- what the file still has ----------------------------------------------------------------- */

/* "/proc/self/fd/N". */
static void path_of(int fd, char path[32])
{
	char digits[12];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + fd % 10);
	while ((fd /= 10) != 0);
	memcpy(path, "/proc/self/fd/", 14);
	for (path += 14; n > 0; path++)
		*path = digits[--n];
	*path = '\0';
}

bool mcsafe__shield_has_reader(const struct mcsafe_shield *shield)
{
	return shield->reader.fd >= 0 && mcsafe__fd_is_same(shield->reader.fd, &shield->reader.id);
}

/* The file, which is known, for reading; or -1. Closing it removes the record locks on it. */
static int open_file(const struct mcsafe_shield *shield)
{
	char path[32];
	int fd;

	path_of(shield->file.fd, path);
	fd = mcsafe__above_standard(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
	/* The program may have closed the number, and opened something else. */
	if (fd >= 0 && !mcsafe__fd_is_same(fd, &shield->file.id)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/*
 * Since Linux 6.7, read(2) of hugetlbfs gives what comes before a page of 4 KiB that is poisoned,
 * fails there with EIO, and gives what follows it. Before that it fails for all of the huge page.
 */
static void carry(struct mcsafe_shield *shield, struct mcsafe__filling *filling)
{
	bool is_kept = mcsafe__shield_has_reader(shield);
	uintptr_t at = filling->start;
	int fd = -1;

	/* Without a file there are none. */
	if (shield->carried_pages != NULL)
		fd = is_kept ? shield->reader.fd : open_file(shield);
	while (fd >= 0 && at < filling->end) {
		ssize_t got = pread(fd, filling->memory + (at - filling->start), filling->end - at,
				    (off_t)(shield->origin.shift + at));
		size_t whole = got > 0 ? mcsafe__down((size_t)got, MCSAFE__PAGE) : 0;

		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			break;
		mcsafe__shield_set_carried(shield, at, at + whole, true);
		filling->carried += whole;
		at += whole != 0 ? whole : MCSAFE__PAGE;
	}
	if (fd >= 0 && !is_kept)
		close(fd);
}

/* ---- what the program wants for the rest ----------------------------------------------------- */

/* Read n bytes from the mirror. Returns what it gives: whole pages. Its end ends a page too. */
static size_t read_mirror(const struct mcsafe_shield *shield, char *to, uintptr_t start, size_t n)
{
	/* Past what an offset can be, pread(2) returns EINVAL. */
	uint64_t at = (uint64_t)shield->mirror_offset + (start - shield->start);
	size_t done = 0;

	if (!mcsafe__fd_is_same(shield->mirror.fd, &shield->mirror.id))
		return 0;
	while (done < n) {
		ssize_t got = pread(shield->mirror.fd, to + done, n - done, (off_t)(at + done));

		if (got == 0)
			return mcsafe__up(done, MCSAFE__PAGE);
		if (got > 0)
			done += (size_t)got;
		else if (errno != EINTR)
			break;
	}
	return mcsafe__down(done, MCSAFE__PAGE);
}

/* Fill [start, end), which is in the filling. Returns the number of bytes that could be filled. */
static size_t fill_range(const struct mcsafe_shield *shield, const struct mcsafe__filling *filling,
			 uintptr_t start, uintptr_t end)
{
	char *to = filling->memory + (start - filling->start);

	/* Fresh memory holds zeros, but a read of the file that failed may have left something. */
	if (shield->fill == MCSAFE_SHIELD_BYTE || filling->carry)
		memset(to, shield->fill == MCSAFE_SHIELD_BYTE ? shield->byte : 0, end - start);
	if (shield->fill == MCSAFE_SHIELD_MIRROR)
		return read_mirror(shield, to, start, end - start);
	return end - start;
}

/* Fill what was not carried over. The filling gets shorter if the mirror does not have all. */
static int fill_rest(const struct mcsafe_shield *shield, struct mcsafe__filling *filling)
{
	uintptr_t at = filling->start, next;

	for (; at < filling->end; at = next) {
		bool carried = mcsafe__shield_is_carried(shield, at);
		size_t done;

		for (next = at + MCSAFE__PAGE; next < filling->end; next += MCSAFE__PAGE)
			if (mcsafe__shield_is_carried(shield, next) != carried)
				break;
		if (carried)
			continue;
		done = fill_range(shield, filling, at, next);
		if (done < next - at) {
			filling->end = at + done;
			break;
		}
	}
	return filling->end >= filling->needed ? 0 : -EIO;
}

/* ---- where it is filled ---------------------------------------------------------------------- */

static _Atomic bool can_stage;

void mcsafe__shield_ask_staging(void)
{
	void *page = mmap(NULL, MCSAFE__PAGE, FILLED, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *moved;

	if (page == MAP_FAILED)
		return;
	moved = mremap(page, MCSAFE__PAGE, MCSAFE__PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	atomic_store(&can_stage, moved != MAP_FAILED);
	if (moved != MAP_FAILED)
		munmap(moved, MCSAFE__PAGE);
	munmap(page, MCSAFE__PAGE);
}

/* All of it has one protection. That of a part would make it three mappings. */
static int protect_staging(struct mcsafe_shield *shield, int prot)
{
	if (prot == shield->staging_prot)
		return 0;
	/* A child of fork(2) may begin here, and must not believe either of the two. */
	shield->staging_prot = -1;
	if (mprotect(shield->staging, shield->end - shield->start, prot) != 0)
		return -errno;
	shield->staging_prot = prot;
	return 0;
}

/*
 * Whether there is staging memory. It takes addresses, but no memory. Under mlockall(2) the kernel
 * would fill it when it becomes writable, so it is unlocked first. A huge page would be made for
 * the first page that is filled.
 */
static bool has_staging(struct mcsafe_shield *shield)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	size_t n = shield->end - shield->start;
	char *memory;

	if (!atomic_load(&can_stage) || shield->cannot_stage)
		return false;
	if (shield->staging != NULL)
		return true;
	memory = mmap(NULL, n, PROT_NONE, flags, -1, 0);
	if (memory == MAP_FAILED)
		return false;
	(void)munlock(memory, n);
	(void)madvise(memory, n, MADV_NOHUGEPAGE);
	shield->staging = memory;
	shield->staging_prot = PROT_NONE;
	return true;
}

void mcsafe__shield_end_staging(struct mcsafe_shield *shield)
{
	if (shield->staging != NULL)
		munmap(shield->staging, shield->end - shield->start);
	shield->staging = NULL;
}

static int find_room(struct mcsafe_shield *shield, struct mcsafe__filling *filling)
{
	void *memory;

	filling->room = filling->end - filling->start;
	if (has_staging(shield) && protect_staging(shield, FILLED) == 0) {
		filling->memory = shield->staging + (filling->start - shield->start);
		filling->is_staged = true;
		return 0;
	}
	memory = mmap(NULL, filling->room, FILLED, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	filling->memory = memory;
	return 0;
}

/*
 * After mlockall(2) with MCL_FUTURE, mmap(2) takes memory for all that it maps, which can be much
 * more than the file had. So zeros come from memory that is mapped without access, which the kernel
 * cannot fill, and unlocked before it can be accessed.
 */
void mcsafe__shield_take_room(struct mcsafe__filling *filling)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	size_t n = filling->end - filling->start;
	void *memory = mmap(NULL, n, PROT_NONE, flags, -1, 0);

	if (memory == MAP_FAILED)
		return;
	(void)munlock(memory, n);
	filling->memory = memory;
	filling->room = n;
	filling->is_empty = true;
}

/* ---- all of it ------------------------------------------------------------------------------- */

int mcsafe__shield_fill(struct mcsafe_shield *shield, struct mcsafe__filling *filling)
{
	int err = find_room(shield, filling);

	if (err != 0)
		return err;
	if (filling->carry)
		carry(shield, filling);
	err = fill_rest(shield, filling);
	if (err != 0) {
		mcsafe__shield_drop(filling);
		filling->memory = NULL;
	}
	return err;
}

/*
 * Move filled pages out of the staging memory. 0, or -errno: the shield has no such memory then.
 *
 * They go to their place by a second move. The first makes the process bigger, which a limit of
 * setrlimit(2) may forbid. The kernel asks that after it has unmapped the place, and would leave a
 * hole there.
 */
static int unstage(struct mcsafe_shield *shield, struct mcsafe__filling *filling, int prot)
{
	size_t n = filling->end - filling->start;
	int err = protect_staging(shield, prot);
	void *moved;

	if (err == 0) {
		moved = mremap(filling->memory, n, n, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
		if (moved == MAP_FAILED)
			err = -errno;
	}
	if (err != 0) {
		shield->cannot_stage = true;
		mcsafe__shield_end_staging(shield);
		filling->room = 0;
		return err;
	}
	filling->memory += n;
	filling->room -= n;
	mcsafe__shield_drop(filling);
	filling->memory = moved;
	filling->room = n;
	filling->is_staged = false;
	return 0;
}

int mcsafe__shield_move(struct mcsafe_shield *shield, struct mcsafe__filling *filling, int prot)
{
	size_t n = filling->end - filling->start;
	int err;

	if (filling->is_staged)
		err = unstage(shield, filling, prot);
	else
		err = mprotect(filling->memory, n, prot) == 0 ? 0 : -errno;
	if (err != 0)
		return err;
	if (mremap(filling->memory, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, filling->start) ==
	    MAP_FAILED)
		return -errno;
	filling->memory += n;
	filling->room -= n;
	return 0;
}

void mcsafe__shield_drop(const struct mcsafe__filling *filling)
{
	if (filling->room > 0 && filling->is_staged)
		(void)madvise(filling->memory, filling->room, MADV_DONTNEED);
	else if (filling->room > 0)
		munmap(filling->memory, filling->room);
}
