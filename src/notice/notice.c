/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * notice.c - queue notices, and call the program's function for each
 *
 * mcsafe__notice_take() runs in the signal handler. Of libc it calls clock_gettime, sigfillset,
 * pthread_sigmask and memset. All are async-signal-safe (signal-safety(7)).
 */
#include "notice.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <mcsafe/notice.h>

#include "base/counters.h"
#include "base/probe.h"

/*
 * A bounded queue for many writers and many readers, without locks. Place p of the queue is in cell
 * p mod MCSAFE_NOTICE_ROOM. The turn of the cell says who may use it:
 *   p                       the writer of place p
 *   p + 1                   the reader of place p: the cell holds the notice
 *   p + MCSAFE_NOTICE_ROOM  the writer of the place that comes to this cell next; the reader of
 *                           place p stores this
 */
struct cell {
	_Atomic size_t turn;
	struct mcsafe_notice notice;
};

static struct cell cells[MCSAFE_NOTICE_ROOM];
static _Atomic size_t write_place, read_place;
static _Atomic size_t lost;

_Atomic bool mcsafe__notices_wanted;

struct mcsafe__notice_pair mcsafe__notice_pairs[MCSAFE__NOTICE_PAIRS];
_Atomic unsigned mcsafe__notice_version;

void mcsafe__notice_empty_queue(void)
{
	for (size_t i = 0; i < MCSAFE_NOTICE_ROOM; i++)
		atomic_store(&cells[i].turn, i);
	atomic_store(&write_place, 0);
	atomic_store(&read_place, 0);
	atomic_store(&lost, 0);
}

bool mcsafe__notice_wanted(void)
{
	return atomic_load(&mcsafe__notices_wanted);
}

/*
 * The caller must block all signals. Otherwise a handler of this thread could leave by
 * siglongjmp(3) between taking a place and filling its cell, and nobody would ever fill it.
 */
static void enqueue(const struct mcsafe_notice *notice)
{
	size_t place = atomic_load(&write_place), turn;
	struct cell *cell;

	for (;;) {
		cell = &cells[place % MCSAFE_NOTICE_ROOM];
		turn = atomic_load(&cell->turn);
		if (turn == place) {
			if (atomic_compare_exchange_weak(&write_place, &place, place + 1))
				break;
		} else if (turn < place) { /* full: nobody has read the notice in this cell */
			atomic_fetch_add(&lost, 1);
			return;
		} else {
			place = atomic_load(&write_place);
		}
	}
	cell->notice = *notice;
	atomic_store(&cell->turn, place + 1);
}

/* False if the queue is empty. The caller must block all signals, as for enqueue(). */
static bool dequeue(struct mcsafe_notice *notice)
{
	size_t place = atomic_load(&read_place), turn;
	struct cell *cell;

	for (;;) {
		cell = &cells[place % MCSAFE_NOTICE_ROOM];
		turn = atomic_load(&cell->turn);
		if (turn == place + 1) {
			if (atomic_compare_exchange_weak(&read_place, &place, place + 1))
				break;
		} else if (turn < place + 1) {
			return false;
		} else {
			place = atomic_load(&read_place);
		}
	}
	*notice = cell->notice;
	atomic_store(&cell->turn, place + MCSAFE_NOTICE_ROOM);
	return true;
}

static void call_function(const struct mcsafe_notice *notice)
{
	mcsafe_notice_fn fn;
	unsigned version;
	void *arg;

	do {
		version = atomic_load(&mcsafe__notice_version);
		fn = atomic_load(&mcsafe__notice_pairs[version % MCSAFE__NOTICE_PAIRS].fn);
		arg = atomic_load(&mcsafe__notice_pairs[version % MCSAFE__NOTICE_PAIRS].arg);
	} while (atomic_load(&mcsafe__notice_version) != version);
	if (fn != NULL)
		fn(notice, arg);
}

bool mcsafe__notice_take(const siginfo_t *si)
{
	struct mcsafe_notice notice;
	unsigned lsb = (unsigned)si->si_addr_lsb;
	sigset_t all, saved;

	if (!mcsafe__notice_wanted())
		return false;
	memset(&notice, 0, sizeof(notice));
	notice.addr = si->si_addr;
	if (lsb != 0 && lsb < sizeof(notice.extent) * 8)
		notice.extent = (size_t)1 << lsb;
	clock_gettime(CLOCK_REALTIME, &notice.time);

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	mcsafe__count(&mcsafe__counters.notices);
	MCSAFE__PROBE_2(notice, notice.addr, notice.extent);
	enqueue(&notice);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	call_function(&notice);
	return true;
}

size_t mcsafe_notice_read(struct mcsafe_notice *notices, size_t n, size_t *n_lost)
{
	sigset_t all, saved;
	size_t read = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	if (atomic_load(&mcsafe__notices_wanted))
		while (read < n && dequeue(&notices[read]))
			read++;
	if (n_lost != NULL)
		*n_lost = atomic_exchange(&lost, 0);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	return read;
}
