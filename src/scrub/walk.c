/* SPDX-License-Identifier: BSD-3-Clause */
/* walk.c - read mapped memory, and note what cannot be read */
#include "scrub.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "badblocks/within.h"
#include "base/no_cancel.h"
#include "base/page.h"
#include "base/pagemap.h"
#include "base/populate.h"
#include "landing/loss.h"

/* Bytes that are read between two looks at the clock. */
#define STEP ((size_t)65536)

/* ---- read some bytes ------------------------------------------------------------------------- */

/*
 * Ask the kernel, without a signal, whether the pages that hold these bytes can be read. 0 or an
 * errno value. EINVAL: the kernel does not know the advice, or not for this kind of mapping.
 *
 * Where populating may never return, only the page table is asked, and 0 means that it knows of no
 * poison. It has none for huge pages, and none for a page of a file that this process has not
 * touched: the read then raises a signal.
 */
static int ask(const struct mcsafe_scrub *scrub, size_t from, size_t to)
{
	uintptr_t first = mcsafe__down((uintptr_t)(scrub->base + from), MCSAFE__PAGE);
	uintptr_t end = mcsafe__up((uintptr_t)(scrub->base + to), MCSAFE__PAGE);
	bool returns = scrub->is_memory || mcsafe__populate_returns() ||
		       (first >= scrub->block_start && end <= scrub->block_end);
	MCSAFE__NO_CANCEL();

	if (returns)
		return madvise((void *)first, end - first, MADV_POPULATE_READ) == 0 ? 0 : errno;
	return mcsafe__has_poisoned_page(first, end) ? EHWPOISON : 0;
}

/* Remember the large block that is lost where a read of n bytes stopped: a huge page, or persistent
 * memory. The kernel reads none of it from a disk, so there populating returns. */
static void remember_block(struct mcsafe_scrub *scrub, size_t at, size_t n,
			   const struct mcsafe_fault *fault)
{
	struct mcsafe__loss loss;

	if (fault->cause != MCSAFE_CAUSE_POISON || fault->extent <= MCSAFE__PAGE)
		return;
	loss = mcsafe__loss_at(fault, (uintptr_t)(scrub->base + at), n, fault->extent);
	scrub->block_start = loss.start;
	scrub->block_end = loss.start + loss.len;
}

/* The end of the page that an offset is in, or `to` if that is nearer. */
static size_t page_end(const struct mcsafe_scrub *scrub, size_t at, size_t to)
{
	size_t rest = MCSAFE__PAGE - (uintptr_t)(scrub->base + at) % MCSAFE__PAGE;

	return rest < to - at ? at + rest : to;
}

/* The part of the memory that is in one page with an offset. */
static struct mcsafe_range page_of(const struct mcsafe_scrub *scrub, size_t at)
{
	uintptr_t page = mcsafe__down((uintptr_t)(scrub->base + at), MCSAFE__PAGE);

	return mcsafe__range_within(scrub->base, scrub->len, page, MCSAFE__PAGE);
}

static size_t known_bytes(const struct mcsafe_scrub *scrub, struct mcsafe_range range)
{
	size_t end = range.start + range.len, known = 0;
	struct mcsafe_range bad;

	for (size_t at = range.start; mcsafe_badblocks_next(scrub->badblocks, at, end, &bad);
	     at = bad.start + bad.len)
		known += bad.len;
	return known;
}

/*
 * An I/O error may pass: there was no space for a page of tmpfs, the file was truncated, or a
 * server is away. Only who knows the file can prove that the medium has lost the page.
 */
static int note(struct mcsafe_scrub *scrub, struct mcsafe_range range,
		const struct mcsafe_fault *fault)
{
	const struct mcsafe_scrub_options *options = &scrub->options;
	int verdict = MCSAFE_SCRUB_DECIDE, err;
	size_t known;

	if (options->found != NULL)
		verdict = options->found(&range, fault, options->arg);
	if (verdict == MCSAFE_SCRUB_DECIDE && fault->cause != MCSAFE_CAUSE_POISON)
		atomic_fetch_add(&scrub->failed, range.len);
	else if (verdict == MCSAFE_SCRUB_DECIDE)
		verdict = MCSAFE_SCRUB_ADD;
	if (verdict != MCSAFE_SCRUB_ADD)
		return 0;
	known = known_bytes(scrub, range);
	err = mcsafe_badblocks_add(scrub->badblocks, range.start, range.len);
	if (err == 0)
		atomic_fetch_add(&scrub->bad, range.len - known);
	return err;
}

/*
 * What is lost where a read of n bytes stopped. If more than a page is lost, the kernel may keep
 * the rest of it: of a huge page that it has split, or of persistent memory that is mapped by large
 * pages. Then only the page is noted, and the kernel is asked about each of the others, so that
 * none of them is touched.
 */
static struct mcsafe_range lost_at(const struct mcsafe_scrub *scrub, size_t at, size_t n,
				   bool can_ask, const struct mcsafe_fault *fault)
{
	size_t granule = fault->extent != 0 ? fault->extent : MCSAFE__PAGE;
	struct mcsafe__loss loss;

	if (granule > MCSAFE__PAGE && can_ask)
		granule = MCSAFE__PAGE;
	/* If it may be the next granule, this one is noted nevertheless: it is less than a page.
	 * The next one is read next. */
	loss = mcsafe__loss_at(fault, (uintptr_t)(scrub->base + at), n, granule);
	return mcsafe__range_within(scrub->base, scrub->len, loss.start, loss.len);
}

static bool is_loss(const struct mcsafe_fault *fault)
{
	return fault->cause == MCSAFE_CAUSE_POISON || fault->cause == MCSAFE_CAUSE_IO;
}

/* Read to the end of the page or to `to`. *at becomes the offset at which to continue, or stays at
 * the byte that ends the run. LOSS, 0 or -errno. */
#define LOSS 1
static int read_page(struct mcsafe_scrub *scrub, size_t *at, size_t to, bool can_ask)
{
	_Alignas(MCSAFE__LINE) unsigned char buffer[MCSAFE__PAGE];
	size_t n = page_end(scrub, *at, to) - *at, left;
	struct mcsafe_range lost;
	struct mcsafe_fault fault;
	int err;

	left = mcsafe_memcpy(buffer, scrub->base + *at, n, &fault);
	*at += n - left;
	if (left == 0)
		return 0;
	if (!is_loss(&fault))
		return -EFAULT;
	remember_block(scrub, *at, left, &fault);
	lost = lost_at(scrub, *at, left, can_ask, &fault);
	err = note(scrub, lost, &fault);
	if (err != 0)
		return err;
	*at = lost.start + lost.len > *at ? lost.start + lost.len : *at + 1;
	return LOSS;
}

/* Note a page that the kernel knows to be poisoned. */
static int note_page(struct mcsafe_scrub *scrub, size_t *at, size_t to)
{
	const struct mcsafe_fault fault = {.cause = MCSAFE_CAUSE_POISON,
					   .side = MCSAFE_SIDE_SOURCE,
					   .addr = (void *)((uintptr_t)scrub->base + *at),
					   .extent = MCSAFE__PAGE};
	int err = note(scrub, page_of(scrub, *at), &fault);

	if (err == 0)
		*at = page_end(scrub, *at, to);
	return err;
}

/* Read bytes that are not known to be bad. The kernel is asked about all pages at once and, if that
 * fails, about one after the other. */
static int look_at(struct mcsafe_scrub *scrub, size_t *at, size_t to)
{
	int said = ask(scrub, *at, to), err = 0;
	bool all_there = said == 0, can_ask = said != EINVAL;

	while (err >= 0 && *at < to) {
		if (!all_there && can_ask)
			said = ask(scrub, *at, page_end(scrub, *at, to));
		if (said == EHWPOISON)
			err = note_page(scrub, at, to);
		else
			err = read_page(scrub, at, to, can_ask);
		/* Other pages may have been lost together with this one. */
		if (err == LOSS)
			all_there = false;
	}
	return err < 0 ? err : 0;
}

/* Go on by some bytes, none of which is known to be bad. */
static int look_unless_hole(struct mcsafe_scrub *scrub, size_t *at, size_t to)
{
	bool hole = false;

	if (scrub->hole != NULL)
		to = *at + scrub->hole(scrub->hole_arg, *at, to - *at, &hole);
	if (!hole)
		return look_at(scrub, at, to);
	*at = to;
	return 0;
}

/* Count the bytes of a bad range that can be read. The range stays bad, and no fault ends
 * the run. */
static void look_again(struct mcsafe_scrub *scrub, size_t at, size_t to)
{
	while (at < to) {
		_Alignas(MCSAFE__LINE) unsigned char buffer[MCSAFE__PAGE];
		size_t end = page_end(scrub, at, to), left = end - at;
		struct mcsafe_fault fault = {.cause = MCSAFE_CAUSE_NONE};

		if (ask(scrub, at, end) != EHWPOISON)
			left = mcsafe_memcpy(buffer, scrub->base + at, end - at, &fault);
		remember_block(scrub, end - left, left, &fault);
		atomic_fetch_add(&scrub->readable, end - at - left);
		at = end;
	}
}

/* Scrub [*at, to). *at becomes the offset at which to continue. */
static int step(struct mcsafe_scrub *scrub, size_t *at, size_t to)
{
	int err = 0;

	while (err == 0 && *at < to) {
		struct mcsafe_range bad = {to, 0};

		mcsafe_badblocks_next(scrub->badblocks, *at, to, &bad);
		if (bad.start > *at) {
			err = look_unless_hole(scrub, at, bad.start);
			continue;
		}
		if (scrub->options.recheck)
			look_again(scrub, bad.start, bad.start + bad.len);
		else
			atomic_fetch_add(&scrub->skipped, bad.len);
		*at = bad.start + bad.len;
	}
	return err;
}

/* ---- a run ----------------------------------------------------------------------------------- */

/* A step ends at a multiple of STEP. With a low rate steps are shorter, so that pauses
 * are shorter. */
static size_t step_end(const struct mcsafe_scrub *scrub, size_t at)
{
	size_t n = STEP - at % STEP, slow = scrub->options.rate / 16;

	if (scrub->options.rate != 0 && slow < n)
		n = slow > MCSAFE__PAGE ? slow : MCSAFE__PAGE;
	return n < scrub->len - at ? at + n : scrub->len;
}

/* Wait until the time that n bytes take at this rate has passed since `begin`, or the run is
 * cancelled. */
static void pause_after(struct mcsafe_scrub *scrub, struct timespec begin, size_t n)
{
	double seconds = (double)n / (double)scrub->options.rate;
	time_t whole = (time_t)seconds;
	struct timespec end = {begin.tv_sec + whole,
			       begin.tv_nsec + (long)((seconds - (double)whole) * 1e9)};

	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	while (!atomic_load(&scrub->cancelled) &&
	       (sem_clockwait(&scrub->wake, CLOCK_MONOTONIC, &end) == 0 || errno == EINTR))
		;
}

void mcsafe_scrub_get_progress(const struct mcsafe_scrub *scrub,
			       struct mcsafe_scrub_progress *progress)
{
	*progress = (struct mcsafe_scrub_progress){
		.offset = atomic_load(&scrub->offset),
		.bad = atomic_load(&scrub->bad),
		.skipped = atomic_load(&scrub->skipped),
		.readable = atomic_load(&scrub->readable),
		.failed = atomic_load(&scrub->failed),
	};
}

int mcsafe__scrub_walk(struct mcsafe_scrub *scrub)
{
	const struct mcsafe_scrub_options *options = &scrub->options;
	size_t at = atomic_load(&scrub->offset);
	int err = 0;

	while (err == 0 && at < scrub->len) {
		struct mcsafe_scrub_progress progress;
		struct timespec begin;
		size_t from = at;

		if (atomic_load(&scrub->cancelled)) {
			err = -ECANCELED;
			break;
		}
		/* As if each step were a system call. Nothing is held here, nor in a pause. */
		pthread_testcancel();
		clock_gettime(CLOCK_MONOTONIC, &begin);
		err = step(scrub, &at, step_end(scrub, at));
		atomic_store(&scrub->offset, at);
		mcsafe_scrub_get_progress(scrub, &progress);
		if (options->progress != NULL && options->progress(&progress, options->arg) != 0 &&
		    err == 0)
			err = -ECANCELED;
		if (err == 0 && options->rate != 0 && at < scrub->len)
			pause_after(scrub, begin, at - from);
	}
	atomic_store(&scrub->cancelled, 0);
	return err;
}
