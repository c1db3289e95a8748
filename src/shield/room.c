/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * room.c - how many more mappings the process may have
 *
 * The kernel tells the number of mappings only by listing them, which takes long for a process that
 * has many. So a fault does not count. It adds what its stand-in takes to the last count. What the
 * program maps itself is seen at the next count: by mcsafe_shield_mappings_left(), and by opens and
 * restores, of which only so many count that their cost remains small.
 *
 * Parts run in the signal handler. Of libc this file calls what base/reader.h and mapped.c call,
 * and pthread_setcancelstate.
 */
#include "shield.h"

#include <errno.h>

#include "base/counters.h"
#include "base/errno_kept.h"
#include "base/no_cancel.h"
#include "base/reader.h"

#define NEAR             16 /* the limit is near if less than this part of it is left */
#define MAPPINGS_A_CALL  4  /* so many are counted for each call that does not ask for it */
#define DIGITS_OF_KERNEL 16 /* of an address of the kernel: its mappings are not the process's */

static _Atomic long limit; /* vm.max_map_count; 0: not known */
static _Atomic long known; /* mappings at the last count, and what stand-ins have added since */
static _Atomic long calls; /* since the last count */

/* The number in a file; -1: it cannot be read. */
static long read_number(const char *path)
{
	struct mcsafe__reader r;
	long n = -1;

	if (!mcsafe__reader_open(&r, path))
		return -1;
	for (int c = mcsafe__reader_next(&r); c >= '0' && c <= '9'; c = mcsafe__reader_next(&r))
		n = (n < 0 ? 0 : n * 10) + (c - '0');
	mcsafe__reader_close(&r);
	return n;
}

/* The lines of /proc/self/maps, without those of the kernel; -1: it cannot be read. */
static long count_lines(struct mcsafe__reader *r)
{
	long n = 0;
	int c;

	while ((c = mcsafe__reader_next(r)) != -1) {
		size_t digits = 0;

		for (; c != '-' && c != '\n' && c != -1; c = mcsafe__reader_next(r))
			digits++;
		n += digits < DIGITS_OF_KERNEL;
		while (c != '\n' && c != -1)
			c = mcsafe__reader_next(r);
	}
	return r->at_end ? n : -1;
}

/* The same of the descriptor that is kept, because no other is left. */
static long count_in_kept(struct mcsafe__reader *r)
{
	struct mcsafe__shield_section section;
	struct mcsafe__maps maps;
	long n = -1;

	mcsafe__shield_enter(&section);
	mcsafe__shield_open_maps(&maps);
	if (maps.is_kept) {
		(void)mcsafe__shield_lock_maps();
		mcsafe__reader_begin(r, maps.fd);
		n = count_lines(r);
		mcsafe__shield_unlock_maps();
	}
	mcsafe__shield_close_maps(&maps);
	mcsafe__shield_leave(&section);
	return n;
}

static long count_mappings(void)
{
	struct mcsafe__reader r;
	long n;

	if (!mcsafe__reader_open(&r, "/proc/self/maps"))
		return mcsafe__shield_is_prepared() ? count_in_kept(&r) : -1;
	n = count_lines(&r);
	mcsafe__reader_close(&r);
	return n;
}

/* Count. How many mappings are left, or -ENODATA. */
static long look(void)
{
	long most = read_number("/proc/sys/vm/max_map_count"), n = count_mappings();

	if (most > 0)
		atomic_store(&limit, most);
	else
		most = atomic_load(&limit); /* perhaps there is no descriptor */
	if (n > 0)
		atomic_store(&known, n);
	atomic_store(&calls, 0);
	if (most <= 0 || n <= 0)
		return -ENODATA;
	return n < most ? most - n : 0;
}

ssize_t mcsafe_shield_mappings_left(void)
{
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();

	return look();
}

void mcsafe__shield_look_at_room(void)
{
	long n = atomic_fetch_add(&calls, 1) + 1;

	if (n >= atomic_load(&known) / MAPPINGS_A_CALL)
		(void)look();
}

/* An end of what was replaced is a new end of a mapping, or no longer one, or neither. */
static long ends_more(const struct mcsafe__vma *before, const struct mcsafe__vma *after,
		      uintptr_t start, uintptr_t end)
{
	return (after->start == start) - (before->start == start) + (after->end == end) -
	       (before->end == end);
}

void mcsafe__shield_note_given_back(const struct mcsafe__vma *before,
				    const struct mcsafe__vma *after, uintptr_t start, uintptr_t end)
{
	atomic_fetch_add(&known, ends_more(before, after, start, end));
}

void mcsafe__shield_note_stand_in(const struct mcsafe__vma *before, const struct mcsafe__vma *after,
				  uintptr_t start, uintptr_t end)
{
	long more = ends_more(before, after, start, end);
	long n = atomic_fetch_add(&known, more) + more, most = atomic_load(&limit);

	if (most > 0 && most - n < most / NEAR)
		mcsafe__count(&mcsafe__counters.near_limit);
}
