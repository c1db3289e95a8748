/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * table.c - the open shields: found without a lock, and not freed while a section uses them
 *
 * The table is a sorted array that is never changed once readers can find it. A change is made in a
 * second array, which then takes the place of the first. After that the writer waits for the
 * sections that may still use the first.
 *
 * Sections count themselves in and out, in one of two counters. The writer lets new sections use
 * the other counter, waits until the old one is 0, and does that twice. So a section that has read
 * the parity, and counts itself in late, is waited for in the next round or by the next writer.
 * That is early enough: it looks into the table only after it has counted itself in.
 *
 * The counters, the locks and what mapped.c keeps are in a page that the kernel fills with zeros in
 * a child of fork(2) (MADV_WIPEONFORK). The child has none of the threads that were in sections;
 * the thread that calls fork(2) is in none, because signals are blocked there.
 *
 * Parts run in the signal handler. Of libc these call syscall and pthread_setcancelstate.
 */
#include "shield.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOCKS 32 /* shields with equal numbers share a lock. No thread takes two of these */

struct shared {
	struct {
		_Alignas(MCSAFE__LINE) _Atomic size_t n;
	} sections[2];
	struct {
		_Alignas(MCSAFE__LINE) _Atomic uint32_t word; /* see lock() */
	} locks[LOCKS + 1];                                   /* the last one is that of maps */
	_Atomic size_t parity;
	struct mcsafe__kept maps;
};

_Static_assert(sizeof(struct shared) <= MCSAFE__PAGE, "one page");

/* Mapped before the first shield is added, and never unmapped. */
static struct shared *_Atomic shared;

struct entry {
	uintptr_t start, end;
	struct mcsafe_shield *shield;
};

struct table {
	size_t n, room;
	struct entry entries[];
};

/* The table before the first change. It has room for what is left without the first shield. */
static struct table empty;
static struct table *_Atomic current = &empty;
static struct table *spare; /* for the next change; nobody reads it */

int mcsafe__shield_prepare(void)
{
	int prot = PROT_READ | PROT_WRITE;
	void *page;

	if (shared != NULL)
		return 0;
	page = mmap(NULL, MCSAFE__PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -errno;
	if (madvise(page, MCSAFE__PAGE, MADV_WIPEONFORK) != 0) {
		int err = -errno;

		munmap(page, MCSAFE__PAGE);
		return err;
	}
	mcsafe__shield_ask_kernel(page);
	mcsafe__shield_ask_staging();
	shared = page;
	return 0;
}

/* ---- sections -------------------------------------------------------------------------------- */

/* pthread_sigmask(3) would not block the signal by which glibc cancels a thread at any point. */
static void set_mask(const uint64_t *mask, uint64_t *old)
{
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, old, sizeof(*mask));
}

void mcsafe__shield_enter(struct mcsafe__shield_section *section)
{
	static const uint64_t all = UINT64_MAX;

	section->mask = 0;
	set_mask(&all, &section->mask);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &section->cancel_state);
	section->parity = atomic_load(&shared->parity) % 2;
	atomic_fetch_add(&shared->sections[section->parity].n, 1);
}

void mcsafe__shield_leave(const struct mcsafe__shield_section *section)
{
	atomic_fetch_sub(&shared->sections[section->parity].n, 1);
	pthread_setcancelstate(section->cancel_state, NULL);
	set_mask(&section->mask, NULL);
}

static void wait_for_sections(void)
{
	static const struct timespec a_while = {.tv_nsec = 20000};

	for (int round = 0; round < 2; round++) {
		size_t old = atomic_fetch_add(&shared->parity, 1) % 2;

		while (atomic_load(&shared->sections[old].n) != 0)
			(void)nanosleep(&a_while, NULL);
	}
}

/* ---- locks ----------------------------------------------------------------------------------- */

/* 0: free. 1: held. 2: held, and a thread may be sleeping (futex(2)). A thread that sleeps lets the
 * holder run, whatever their priorities are. */
static void lock(_Atomic uint32_t *word)
{
	uint32_t old = 0;

	if (atomic_compare_exchange_strong(word, &old, 1))
		return;
	while (atomic_exchange(word, 2) != 0)
		(void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

static void unlock(_Atomic uint32_t *word)
{
	if (atomic_exchange(word, 0) == 2)
		(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void mcsafe__shield_lock(const struct mcsafe_shield *shield)
{
	lock(&shared->locks[shield->lock].word);
}

void mcsafe__shield_unlock(const struct mcsafe_shield *shield)
{
	unlock(&shared->locks[shield->lock].word);
}

struct mcsafe__kept *mcsafe__shield_lock_maps(void)
{
	lock(&shared->locks[LOCKS].word);
	return &shared->maps;
}

void mcsafe__shield_unlock_maps(void)
{
	unlock(&shared->locks[LOCKS].word);
}

/* ---- table ----------------------------------------------------------------------------------- */

/* The first entry that ends after an address. */
static size_t position(const struct table *table, uintptr_t addr)
{
	size_t first = 0, end = table->n;

	while (first < end) {
		size_t mid = first + (end - first) / 2;

		if (table->entries[mid].end <= addr)
			first = mid + 1;
		else
			end = mid;
	}
	return first;
}

struct mcsafe_shield *mcsafe__shield_at(uintptr_t addr)
{
	const struct table *table = atomic_load(&current);
	size_t at = position(table, addr);

	if (at == table->n || addr < table->entries[at].start)
		return NULL;
	return table->entries[at].shield;
}

/* A child of fork(2) may find any of these steps done, and the next one not. Then memory is left
 * over in the child, and nothing worse. */
static struct table *take_spare(size_t n)
{
	struct table *old = spare, *new;
	size_t room = n < 16 ? 16 : n + n / 2;

	spare = NULL;
	if (old != NULL && old->room >= n)
		return old;
	new = malloc(sizeof(*new) + room * sizeof(new->entries[0]));
	if (new == NULL) {
		spare = old;
		return NULL;
	}
	new->room = room;
	if (old != &empty)
		free(old);
	return new;
}

static void publish(struct table *new)
{
	struct table *old = atomic_exchange(&current, new);

	wait_for_sections();
	spare = old;
}

static void copy_entries(struct table *to, size_t at, const struct table *from, size_t first,
			 size_t end)
{
	if (first < end)
		memcpy(&to->entries[at], &from->entries[first],
		       (end - first) * sizeof(struct entry));
}

int mcsafe__shield_add(struct mcsafe_shield *shield)
{
	static unsigned next_lock;
	const struct table *old = atomic_load(&current);
	size_t n = old->n, at = position(old, shield->start);
	struct table *new;

	if (at < n && old->entries[at].start < shield->end)
		return -EEXIST;
	new = take_spare(n + 1);
	if (new == NULL)
		return -ENOMEM;
	shield->lock = next_lock++ % LOCKS;
	copy_entries(new, 0, old, 0, at);
	new->entries[at] = (struct entry){shield->start, shield->end, shield};
	copy_entries(new, at + 1, old, at, n);
	new->n = n + 1;
	publish(new);
	return 0;
}

int mcsafe__shield_remove(const struct mcsafe_shield *shield)
{
	const struct table *old = atomic_load(&current);
	size_t at = position(old, shield->start);
	struct table *new = take_spare(old->n - 1);

	if (new == NULL)
		return -ENOMEM;
	copy_entries(new, 0, old, 0, at);
	copy_entries(new, at, old, at + 1, old->n);
	new->n = old->n - 1;
	publish(new);
	return 0;
}

bool mcsafe__shield_is_prepared(void)
{
	return atomic_load(&shared) != NULL;
}

bool mcsafe__shield_is_idle(void)
{
	return mcsafe__shield_is_prepared() && atomic_load(&current)->n == 0;
}
