/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fill.c - fill memory for stand-ins at another address, and move it to its place
 *
 * Runs in the signal handler, in a section, under the lock of the shield. Of libc it calls memset,
 * mmap, mremap, mprotect, munmap, open, fcntl, close, fstat and pread.
 */
#include "shield.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/descriptor.h"

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

/* The file for reading, or -1. Closing it removes the record locks on it. */
static int open_file(const struct mcsafe_shield *shield)
{
	char path[32];
	int fd;

	if (shield->file.fd < 0)
		return -1;
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
	int fd = shield->carried_pages != NULL ? open_file(shield) : -1;
	uintptr_t at = filling->start;

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
	if (fd >= 0)
		close(fd);
}

/* ---- what the program wants for the rest ----------------------------------------------------- */

/* Read n bytes from the mirror. Returns what it gives: whole pages. Its end ends a page too. */
static size_t read_mirror(const struct mcsafe_shield *shield, char *to, uintptr_t start, size_t n)
{
	off_t at = shield->mirror_offset + (off_t)(start - shield->start);
	size_t done = 0;

	if (!mcsafe__fd_is_same(shield->mirror.fd, &shield->mirror.id))
		return 0;
	while (done < n) {
		ssize_t got = pread(shield->mirror.fd, to + done, n - done, at + (off_t)done);

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

	/* A read of the file that failed may have left something. */
	if (shield->fill != MCSAFE_SHIELD_MIRROR || filling->carry)
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

/* ---- all of it ------------------------------------------------------------------------------- */

int mcsafe__shield_fill(struct mcsafe_shield *shield, struct mcsafe__filling *filling)
{
	int prot = PROT_READ | PROT_WRITE, err;
	char *memory;

	filling->room = filling->end - filling->start;
	memory = mmap(NULL, filling->room, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	filling->memory = memory;
	if (filling->carry)
		carry(shield, filling);
	err = fill_rest(shield, filling);
	if (err != 0)
		mcsafe__shield_drop(filling);
	return err;
}

int mcsafe__shield_move(struct mcsafe__filling *filling, int prot)
{
	size_t n = filling->end - filling->start;

	if (mprotect(filling->memory, n, prot) != 0 ||
	    mremap(filling->memory, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, filling->start) ==
		    MAP_FAILED)
		return -errno;
	filling->memory += n;
	filling->room -= n;
	return 0;
}

void mcsafe__shield_drop(const struct mcsafe__filling *filling)
{
	if (filling->room > 0)
		munmap(filling->memory, filling->room);
}
