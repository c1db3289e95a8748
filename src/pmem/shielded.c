/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shielded.c - a mapping for code that wants a pointer, under a shield
 *
 * A fault in the mapping is answered in the signal handler, which must not change a registry. It
 * sets a bit for the page, and the next call that asks the registry adds what is lost. That is not
 * every page that a stand-in has replaced: a page past the end of the file is not lost.
 */
#include "pmem.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/counters.h"
#include "base/errno_kept.h"
#include "base/no_cancel.h"
#include "base/probe.h"
#include "medium.h"
#include "shield/shield.h"

#define BITS 64

/* ---- what is lost ---------------------------------------------------------------------------- */

/* In the signal handler. */
static void note(const struct mcsafe_range *lost, bool is_poison, void *arg)
{
	struct mcsafe_pmem *pmem = arg;
	struct mcsafe__shielded *shielded = pmem->shielded;

	for (size_t page = lost->start / MCSAFE__PAGE;
	     page < (lost->start + lost->len) / MCSAFE__PAGE; page++) {
		uint64_t bit = (uint64_t)1 << page % BITS;

		if (is_poison)
			atomic_fetch_or(&shielded->poison[page / BITS], bit);
		else
			atomic_fetch_and(&shielded->poison[page / BITS], ~bit);
		atomic_fetch_or(&shielded->lost[page / BITS], bit);
	}
	atomic_store(&pmem->has_lost, true);
}

/* Whether a load through the mapping of reads and writes raises SIGBUS. */
static bool is_bad(const struct mcsafe_pmem *pmem, size_t at)
{
	const struct mcsafe__view *view = atomic_load(&pmem->view);
	struct mcsafe_fault fault;
	unsigned char byte;

	return at < view->mapped && mcsafe_memcpy(&byte, view->base + at, 1, &fault) != 0 &&
	       fault.signo == SIGBUS;
}

/* As in note.c. If anything was repaired since the mapping was opened, that may have been the page:
 * the kernel has unmapped a lost page, so a load is a page fault at worst. */
static bool is_lost(const struct mcsafe_pmem *pmem, size_t at, bool is_poison)
{
	if (!is_poison)
		return mcsafe__medium_has_lost(pmem, at);
	return mcsafe__medium_has_page(pmem, at) &&
	       (atomic_load(&pmem->repairs) == 0 || is_bad(pmem, at));
}

static void add_page(struct mcsafe_pmem *pmem, size_t page, bool is_poison)
{
	size_t at = page * MCSAFE__PAGE;

	if (!is_lost(pmem, at, is_poison))
		return;
	/* If there is no memory to add the range, the next access meets the fault. */
	(void)mcsafe_badblocks_add(pmem->bad, at, MCSAFE__PAGE);
	mcsafe__count(&mcsafe__counters.ranges_noted);
	MCSAFE__PROBE_2(range_noted, at, MCSAFE__PAGE);
}

static size_t words_of(const struct mcsafe__shielded *shielded)
{
	return shielded->view.mapped / MCSAFE__PAGE / BITS + 1;
}

void mcsafe__pmem_add_lost(struct mcsafe_pmem *pmem)
{
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();

	pthread_mutex_lock(&pmem->noting);
	/* A handler sets the bits first, and this after that. */
	atomic_store(&pmem->has_lost, false);
	for (size_t i = 0; pmem->shielded != NULL && i < words_of(pmem->shielded); i++) {
		uint64_t lost = atomic_exchange(&pmem->shielded->lost[i], 0);
		uint64_t poison = atomic_load(&pmem->shielded->poison[i]);

		for (; lost != 0; lost &= lost - 1) {
			unsigned bit = (unsigned)__builtin_ctzll(lost);

			add_page(pmem, i * BITS + bit, poison >> bit & 1);
		}
	}
	pthread_mutex_unlock(&pmem->noting);
}

void mcsafe__pmem_forget_lost(struct mcsafe_pmem *pmem, size_t offset, size_t n)
{
	size_t end = (offset + n) / MCSAFE__PAGE;

	if (pmem->shielded == NULL)
		return;
	for (size_t page = offset / MCSAFE__PAGE;
	     page < end && page < pmem->shielded->view.mapped / MCSAFE__PAGE; page++)
		atomic_fetch_and(&pmem->shielded->lost[page / BITS], ~((uint64_t)1 << page % BITS));
}

/* ---- give back ------------------------------------------------------------------------------- */

void mcsafe__pmem_give_back(struct mcsafe_pmem *pmem, size_t offset, size_t n)
{
	if (pmem->shielded != NULL)
		(void)mcsafe_shield_restore(pmem->shielded->shield, offset, n);
}

void mcsafe__pmem_give_all_back(struct mcsafe_pmem *pmem)
{
	struct mcsafe_range bad;
	size_t at = 0, page = pmem->page_size;

	if (pmem->shielded == NULL)
		return;
	while (mcsafe_badblocks_next(pmem->bad, at, SIZE_MAX, &bad)) {
		size_t end = mcsafe__down(bad.start, page);

		if (end > at)
			mcsafe__pmem_give_back(pmem, at, end - at);
		at = mcsafe__up(bad.start + bad.len, page);
	}
	mcsafe__pmem_give_back(pmem, at, SIZE_MAX - at);
}

/* ---- open, close ----------------------------------------------------------------------------- */

static void free_shielded(struct mcsafe__shielded *shielded)
{
	if (shielded->view.mapped != 0)
		munmap(shielded->view.base, shielded->view.mapped);
	free((void *)(uintptr_t)shielded->lost);
	free((void *)(uintptr_t)shielded->poison);
	free(shielded);
}

static int allocate(struct mcsafe_pmem *pmem, struct mcsafe__shielded **made)
{
	size_t n = mcsafe__up(atomic_load(&pmem->size), pmem->page_size), words;
	struct mcsafe__shielded *shielded;
	int err;

	if (n == 0)
		return -ENODATA;
	shielded = calloc(1, sizeof(*shielded));
	if (shielded == NULL)
		return -ENOMEM;
	err = mcsafe__pmem_map_again(pmem, &shielded->view, n);
	words = n / MCSAFE__PAGE / BITS + 1;
	shielded->lost = calloc(words, sizeof(*shielded->lost));
	shielded->poison = calloc(words, sizeof(*shielded->poison));
	if (err == 0 && (shielded->lost == NULL || shielded->poison == NULL))
		err = -ENOMEM;
	if (err != 0)
		free_shielded(shielded);
	else
		*made = shielded;
	return err;
}

static int open_shield(struct mcsafe_pmem *pmem, struct mcsafe__shielded *shielded,
		       struct mcsafe_shield_options options)
{
	const struct mcsafe__view *view = &shielded->view;
	int err;

	options.flags = MCSAFE_SHIELD_FILE;
	options.file_fd = pmem->fd;
	err = mcsafe__shield_open(&shielded->shield, view->base, view->mapped, &options, note,
				  pmem);
	/* Some file systems show another number in /proc/self/maps than fstat(2) does. Then the
	 * shield does not know the file. */
	options.flags = 0;
	if (err == -EINVAL)
		err = mcsafe__shield_open(&shielded->shield, view->base, view->mapped, &options,
					  note, pmem);
	return err;
}

/* What is known to be bad is replaced before it is touched. */
static int put_known(struct mcsafe_pmem *pmem)
{
	struct mcsafe_range bad;
	int err = 0;

	for (size_t at = 0; err == 0 && mcsafe_badblocks_next(pmem->bad, at, SIZE_MAX, &bad);
	     at = bad.start + bad.len)
		err = mcsafe__shield_put(pmem->shielded->shield, bad.start, bad.len);
	return err;
}

static void set_shielded(struct mcsafe_pmem *pmem, struct mcsafe__shielded *shielded)
{
	pthread_mutex_lock(&pmem->noting);
	pmem->shielded = shielded;
	pthread_mutex_unlock(&pmem->noting);
}

int mcsafe__pmem_end_shield(struct mcsafe_pmem *pmem)
{
	struct mcsafe__shielded *shielded = pmem->shielded;
	int err;

	if (shielded == NULL)
		return 0;
	/* After that, no handler is in note(). */
	err = mcsafe_shield_close(shielded->shield);
	if (err != 0)
		return err;
	mcsafe__pmem_take_lost(pmem);
	set_shielded(pmem, NULL);
	free_shielded(shielded);
	return 0;
}

static int shield(struct mcsafe_pmem *pmem, const struct mcsafe_shield_options *from)
{
	struct mcsafe_shield_options options;
	struct mcsafe__shielded *made;
	int err = mcsafe__shield_take_options(&options, from);

	if (err == 0 && options.flags != 0)
		err = -EINVAL;
	if (err != 0)
		return err;
	if (pmem->fd < 0)
		return -ENOTSUP;
	if (!mcsafe__pmem_has_file(pmem))
		return -EBADF;
	if (pmem->shielded != NULL)
		return -EEXIST;
	err = allocate(pmem, &made);
	if (err != 0)
		return err;
	/* Nobody accesses the mapping, so note() is not called before this is set. */
	err = open_shield(pmem, made, options);
	if (err != 0) {
		free_shielded(made);
		return err;
	}
	set_shielded(pmem, made);
	err = put_known(pmem);
	if (err != 0)
		(void)mcsafe__pmem_end_shield(pmem);
	return err;
}

int mcsafe_pmem_shield(struct mcsafe_pmem *pmem, const struct mcsafe_shield_options *options,
		       void **base, struct mcsafe_shield **opened)
{
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();
	int err;

	mcsafe__pmem_enter(pmem);
	pthread_mutex_lock(&pmem->change);
	err = shield(pmem, options);
	if (err == 0) {
		*base = pmem->shielded->view.base;
		*opened = pmem->shielded->shield;
	}
	pthread_mutex_unlock(&pmem->change);
	mcsafe__pmem_leave(pmem);
	return err;
}

int mcsafe_pmem_unshield(struct mcsafe_pmem *pmem)
{
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();
	int err;

	mcsafe__pmem_enter(pmem);
	pthread_mutex_lock(&pmem->change);
	err = mcsafe__pmem_end_shield(pmem);
	pthread_mutex_unlock(&pmem->change);
	mcsafe__pmem_leave(pmem);
	return err;
}
