/* SPDX-License-Identifier: BSD-3-Clause */
/* test_steps.c - what a scrub touches and what it notes; a stand-in decides which memory is bad */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include <mcsafe/scrub.h>

#include "badblocks/registry.h"
#include "rng.h"
#include "run.h"

#define PAGES ((size_t)1200)
#define SIZE  (PAGES * T_PAGE)

#ifndef MADV_POPULATE_READ
# define MADV_POPULATE_READ 22
#endif

/* Poison that only a read can find, and pages that the kernel already knows to be lost. */
static struct {
	unsigned char *base;
	bool asks_work;        /* the kernel has MADV_POPULATE_READ */
	bool page_lost[PAGES]; /* MADV_POPULATE_READ fails for these pages */
	size_t poison[8];      /* offsets of bytes that nobody has read yet */
	size_t n_poison;
	size_t extent;                  /* the extent that a fault record reports */
	bool exact;                     /* si_addr is the address of the byte, not of the page */
	size_t short_by;                /* how many bytes before the poison a copy stops */
	bool only_page;                 /* a read loses only the page, whatever the record says */
	unsigned char reads[SIZE / 64]; /* how often each line has been read */
	int add_fails;                  /* how often an add fails with -ENOMEM */
	bool is_old;                    /* the kernel is one where asking may never return */
	size_t asked;                   /* how often the kernel was asked */
} fake;

int __real_madvise(void *start, size_t n, int advice);
size_t __real_mcsafe_memcpy(void *dst, const void *src, size_t n, struct mcsafe_fault *fault);
int __real_mcsafe_badblocks_add(struct mcsafe_badblocks *badblocks, size_t start, size_t len);
int __wrap_madvise(void *start, size_t n, int advice);
int __real_uname(struct utsname *name);
int __wrap_uname(struct utsname *name);
size_t __wrap_mcsafe_memcpy(void *dst, const void *src, size_t n, struct mcsafe_fault *fault);
int __wrap_mcsafe_badblocks_add(struct mcsafe_badblocks *badblocks, size_t start, size_t len);

int __wrap_madvise(void *start, size_t n, int advice)
{
	size_t from = (size_t)((unsigned char *)start - fake.base);

	if (advice != MADV_POPULATE_READ)
		return __real_madvise(start, n, advice);
	assert_int_equal(from % T_PAGE, 0);
	assert_int_equal(n % T_PAGE, 0);
	assert_in_range(from + n, n, SIZE);
	fake.asked++;
	errno = fake.asks_work ? EHWPOISON : EINVAL;
	if (!fake.asks_work)
		return -1;
	for (size_t page = from / T_PAGE; page < (from + n) / T_PAGE; page++)
		if (fake.page_lost[page])
			return -1;
	return 0;
}

int __wrap_uname(struct utsname *name)
{
	int result = __real_uname(name);

	snprintf(name->release, sizeof(name->release), fake.is_old ? "6.8.12" : "6.9.0");
	return result;
}

static void lose(size_t offset)
{
	size_t block = fake.only_page || fake.extent < T_PAGE ? T_PAGE : fake.extent;

	memset(&fake.page_lost[(offset & ~(block - 1)) / T_PAGE], 1, block / T_PAGE);
}

size_t __wrap_mcsafe_memcpy(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	size_t from = (size_t)((const unsigned char *)src - fake.base), stop = from + n;
	size_t at = stop;

	for (size_t i = 0; i < fake.n_poison; i++)
		if (fake.poison[i] >= from && fake.poison[i] < at)
			at = fake.poison[i];
	/*
	 * A lost page is unmapped, so a read that reaches the page fails with the same loss again.
	 */
	for (size_t page = from / T_PAGE; page * T_PAGE < at; page++) {
		if (fake.page_lost[page]) {
			at = page * T_PAGE > from ? page * T_PAGE : from;
			break;
		}
	}
	for (size_t line = from / 64; line * 64 < (at < stop ? at + 1 : stop); line++)
		fake.reads[line]++;
	if (at == stop)
		return 0;
	lose(at);
	memset(fault, 0, sizeof(*fault));
	*fault = (struct mcsafe_fault){.signo = SIGBUS,
				       .code = BUS_MCEERR_AR,
				       .cause = MCSAFE_CAUSE_POISON,
				       .side = MCSAFE_SIDE_SOURCE,
				       .extent = fake.extent};
	fault->addr = fake.base + (fake.exact ? at : at & ~(T_PAGE - 1));
	(void)dst;
	at = at - from > fake.short_by ? at - fake.short_by : from;
	return stop - at;
}

int __wrap_mcsafe_badblocks_add(struct mcsafe_badblocks *badblocks, size_t start, size_t len)
{
	if (fake.add_fails > 0) {
		fake.add_fails--;
		return -ENOMEM;
	}
	return __real_mcsafe_badblocks_add(badblocks, start, len);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static unsigned char *aligned;

static struct mcsafe_badblocks *begin(void)
{
	struct mcsafe_badblocks *badblocks;

	if (aligned == NULL) {
		unsigned char *base =
			mmap(NULL, SIZE + T_HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		assert_ptr_not_equal(base, MAP_FAILED);
		aligned = base + (T_HUGE - (uintptr_t)base % T_HUGE) % T_HUGE;
	}
	memset(&fake, 0, sizeof(fake));
	fake.base = aligned;
	fake.asks_work = true;
	fake.extent = T_PAGE;
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	return badblocks;
}

static int scrub(struct mcsafe_badblocks *badblocks, size_t from, size_t to,
		 const struct mcsafe_scrub_options *options)
{
	struct mcsafe_scrub *made;
	int err;

	assert_int_equal(
		mcsafe_scrub_create(&made, fake.base + from, to - from, badblocks, options), 0);
	err = mcsafe_scrub_run(made);
	mcsafe_scrub_destroy(made);
	return err;
}

/* The registry has exactly this one range. */
static void assert_only(const struct mcsafe_badblocks *badblocks, size_t start, size_t len)
{
	struct mcsafe_range bad;

	assert_int_equal(mcsafe_badblocks_count(badblocks), 1);
	assert_true(mcsafe_badblocks_next(badblocks, 0, SIZE_MAX, &bad));
	assert_int_equal(bad.start, start);
	assert_int_equal(bad.len, len);
}

static size_t signals_seen, told_of;

static int note_how(const struct mcsafe_range *bad, const struct mcsafe_fault *fault, void *arg)
{
	(void)bad;
	assert_int_equal(fault->cause, MCSAFE_CAUSE_POISON);
	if (fault->signo != 0)
		signals_seen++;
	else
		told_of++;
	return arg != NULL;
}

static void test_what_the_kernel_knows_is_not_touched(void **state)
{
	struct mcsafe_scrub_options options = {.found = note_how};
	struct mcsafe_badblocks *badblocks = begin();

	(void)state;
	signals_seen = told_of = 0;
	fake.page_lost[20] = fake.page_lost[21] = true;
	assert_int_equal(scrub(badblocks, 0, SIZE, &options), 0);
	assert_only(badblocks, 20 * T_PAGE, 2 * T_PAGE);
	assert_int_equal(signals_seen, 0);
	assert_int_equal(told_of, 2);
	for (size_t line = 0; line < SIZE / 64; line++)
		assert_int_equal(fake.reads[line], line / 64 != 20 && line / 64 != 21);
	mcsafe_badblocks_destroy(badblocks);
}

static void test_latent_poison_is_read_once(void **state)
{
	(void)state;
	for (int asks = 0; asks < 2; asks++) {
		for (size_t short_by = 0; short_by < 8; short_by++) {
			struct mcsafe_badblocks *badblocks = begin();

			fake.asks_work = asks;
			fake.short_by = short_by;
			fake.poison[0] = 30 * T_PAGE + 640;
			fake.n_poison = 1;
			assert_int_equal(scrub(badblocks, 100, SIZE - 100, NULL), 0);
			assert_only(badblocks, 30 * T_PAGE - 100, T_PAGE);
			for (size_t line = 0; line < SIZE / 64; line++)
				assert_int_equal(fake.reads[line] != 0,
						 line >= 1 && line < SIZE / 64 - 1 &&
							 (line <= 30 * 64 + 10 || line / 64 > 30));
			assert_int_equal(fake.reads[30 * 64 + 10], 1);
			mcsafe_badblocks_destroy(badblocks);
		}
	}
}

static void test_a_lost_line_is_noted_as_a_line(void **state)
{
	struct mcsafe_badblocks *badblocks = begin();

	(void)state;
	fake.extent = 64;
	fake.exact = true;
	fake.short_by = 7;
	fake.asks_work = false;
	fake.poison[0] = 30 * T_PAGE + 640;
	fake.n_poison = 1;
	/*
	 * The stand-in cannot lose part of a page, so the scrub ends before it reads the rest of
	 * the page.
	 */
	assert_int_equal(scrub(badblocks, 0, 30 * T_PAGE + 700, NULL), 0);
	assert_true(mcsafe_badblocks_next(badblocks, 30 * T_PAGE + 640, 30 * T_PAGE + 641, NULL));
	assert_false(mcsafe_badblocks_next(badblocks, 0, 30 * T_PAGE + 640, NULL));
	mcsafe_badblocks_destroy(badblocks);
}

/* If a large page is reported lost, the kernel may have kept all its small pages but one. */
static void test_large_extents_are_asked_about(void **state)
{
	struct mcsafe_badblocks *badblocks = begin();

	(void)state;
	fake.extent = T_HUGE;
	fake.poison[0] = T_HUGE + 30 * T_PAGE + 640;
	fake.n_poison = 1;
	fake.only_page = true;
	assert_int_equal(scrub(badblocks, 0, SIZE, NULL), 0);
	assert_only(badblocks, T_HUGE + 30 * T_PAGE, T_PAGE);
	mcsafe_badblocks_destroy(badblocks);

	/*
	 * The kernel may also have kept none. The scrub does not note the pages that it had already
	 * read: whoever needs them will.
	 */
	badblocks = begin();
	fake.extent = T_HUGE;
	fake.poison[0] = T_HUGE + 30 * T_PAGE + 640;
	fake.n_poison = 1;
	assert_int_equal(scrub(badblocks, 0, SIZE, NULL), 0);
	assert_only(badblocks, T_HUGE + 30 * T_PAGE, T_HUGE - 30 * T_PAGE);
	for (size_t line = (T_HUGE + 31 * T_PAGE) / 64; line < 2 * T_HUGE / 64; line++)
		assert_int_equal(fake.reads[line], 0);
	mcsafe_badblocks_destroy(badblocks);

	/* If the kernel cannot be asked, the extent in the record counts. */
	badblocks = begin();
	fake.asks_work = false;
	fake.extent = T_HUGE;
	fake.poison[0] = T_HUGE + 30 * T_PAGE + 640;
	fake.n_poison = 1;
	fake.only_page = true;
	assert_int_equal(scrub(badblocks, 0, SIZE, NULL), 0);
	assert_only(badblocks, T_HUGE, T_HUGE);
	mcsafe_badblocks_destroy(badblocks);
}

/* Such pages are in memory, if anywhere. So an old kernel is asked too, after the first signal, and
 * about no other page. */
static void test_an_old_kernel_is_asked_about_the_extent(void **state)
{
	struct mcsafe_scrub_options options = {.found = note_how};

	(void)state;
	/* The copy stops before the extent in which the poison is. */
	for (size_t short_by = 0; short_by < 8; short_by += 7) {
		struct mcsafe_badblocks *badblocks = begin();

		signals_seen = told_of = 0;
		fake.is_old = true;
		fake.extent = T_HUGE;
		fake.poison[0] = T_HUGE;
		fake.short_by = short_by;
		fake.exact = true;
		fake.n_poison = 1;
		assert_int_equal(scrub(badblocks, 0, SIZE, &options), 0);
		assert_only(badblocks, T_HUGE, T_HUGE);
		assert_int_equal(signals_seen, 1);
		assert_int_equal(told_of, T_HUGE / T_PAGE - 1);
		/* Once for each page, and for each step but the first. */
		assert_int_equal(fake.asked, T_HUGE / T_PAGE - 1 + T_HUGE / 65536 - 1);
		mcsafe_badblocks_destroy(badblocks);
	}
}

static void test_known_ranges_are_not_touched(void **state)
{
	struct t_rng rng = t_rng_start(t_seed(), 0);
	struct mcsafe_badblocks *badblocks = begin();
	static unsigned char known[SIZE / 64];
	size_t bytes;

	(void)state;
	for (int i = 0; i < 300; i++) {
		size_t from = t_rng_below(&rng, SIZE / 64);
		size_t room = SIZE / 64 - from, n = 1 + t_rng_below(&rng, room < 200 ? room : 200);

		memset(&known[from], 1, n);
		assert_int_equal(__real_mcsafe_badblocks_add(badblocks, from * 64, n * 64), 0);
	}
	bytes = mcsafe_badblocks_bytes(badblocks);
	assert_int_equal(scrub(badblocks, 0, SIZE, NULL), 0);
	for (size_t line = 0; line < SIZE / 64; line++)
		assert_int_equal(fake.reads[line], !known[line]);
	assert_int_equal(mcsafe_badblocks_bytes(badblocks), bytes);
	mcsafe_badblocks_destroy(badblocks);
}

static void test_what_is_declined_is_not_added(void **state)
{
	struct mcsafe_badblocks *badblocks = begin();
	struct mcsafe_scrub_options options = {.found = note_how, .arg = badblocks};

	(void)state;
	signals_seen = told_of = 0;
	fake.page_lost[20] = true;
	fake.poison[0] = 30 * T_PAGE;
	fake.n_poison = 1;
	assert_int_equal(scrub(badblocks, 0, SIZE, &options), 0);
	assert_int_equal(mcsafe_badblocks_count(badblocks), 0);
	assert_int_equal(told_of, 1);
	assert_int_equal(signals_seen, 1);
	assert_int_equal(fake.reads[SIZE / 64 - 1], 1);
	mcsafe_badblocks_destroy(badblocks);
}

static void test_without_memory_nothing_is_passed_over(void **state)
{
	struct mcsafe_badblocks *badblocks = begin();
	struct mcsafe_scrub_progress progress;
	struct mcsafe_scrub *made;

	(void)state;
	fake.page_lost[20] = true;
	fake.poison[0] = 30 * T_PAGE + 640;
	fake.n_poison = 1;
	assert_int_equal(mcsafe_scrub_create(&made, fake.base, SIZE, badblocks, NULL), 0);
	fake.add_fails = 1;
	assert_int_equal(mcsafe_scrub_run(made), -ENOMEM);
	mcsafe_scrub_get_progress(made, &progress);
	assert_int_equal(progress.offset, 20 * T_PAGE);
	assert_int_equal(progress.bad, 0);
	/* The next run begins with that page. After it the run meets the poison. */
	fake.add_fails = 0;
	fake.page_lost[30] = false;
	assert_int_equal(mcsafe_scrub_run(made), 0);
	mcsafe_scrub_get_progress(made, &progress);
	assert_int_equal(progress.bad, 2 * T_PAGE);
	assert_int_equal(mcsafe_badblocks_count(badblocks), 2);
	mcsafe_scrub_destroy(made);
	mcsafe_badblocks_destroy(badblocks);
}

/* Lines of the page are known already: only the others count as found. */
static void test_what_is_known_is_not_counted_again(void **state)
{
	struct mcsafe_badblocks *badblocks = begin();
	struct mcsafe_scrub_progress progress;
	struct mcsafe_scrub *made;

	(void)state;
	for (size_t at = 2048; at < 4096; at += 512)
		assert_int_equal(__real_mcsafe_badblocks_add(badblocks, 30 * T_PAGE + at, 64), 0);
	fake.poison[0] = 30 * T_PAGE + 640;
	fake.n_poison = 1;
	assert_int_equal(mcsafe_scrub_create(&made, fake.base, SIZE, badblocks, NULL), 0);
	assert_int_equal(mcsafe_scrub_run(made), 0);
	mcsafe_scrub_get_progress(made, &progress);
	assert_int_equal(progress.bad, T_PAGE - 4 * 64);
	assert_only(badblocks, 30 * T_PAGE, T_PAGE);
	mcsafe_scrub_destroy(made);
	mcsafe_badblocks_destroy(badblocks);
}

static int stop_at_once(const struct mcsafe_scrub_progress *progress, void *arg)
{
	(void)progress;
	(*(unsigned *)arg)++;
	return 1;
}

/* A read has met poison that cannot be noted. That counts more than the wish of the caller. */
static void test_the_first_error_is_reported(void **state)
{
	struct mcsafe_badblocks *badblocks = begin();
	unsigned calls = 0;
	const struct mcsafe_scrub_options options = {.progress = stop_at_once, .arg = &calls};

	(void)state;
	fake.poison[0] = 3 * T_PAGE + 640;
	fake.n_poison = 1;
	fake.add_fails = 1;
	assert_int_equal(scrub(badblocks, 0, SIZE, &options), -ENOMEM);
	assert_int_equal(calls, 1);
	assert_int_equal(mcsafe_badblocks_count(badblocks), 0);
	assert_int_equal(scrub(badblocks, 0, SIZE, &options), -ECANCELED);
	assert_int_equal(calls, 2);
	assert_only(badblocks, 3 * T_PAGE, T_PAGE);
	mcsafe_badblocks_destroy(badblocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_the_kernel_knows_is_not_touched),
		cmocka_unit_test(test_latent_poison_is_read_once),
		cmocka_unit_test(test_a_lost_line_is_noted_as_a_line),
		cmocka_unit_test(test_large_extents_are_asked_about),
		cmocka_unit_test(test_an_old_kernel_is_asked_about_the_extent),
		cmocka_unit_test(test_known_ranges_are_not_touched),
		cmocka_unit_test(test_what_is_declined_is_not_added),
		cmocka_unit_test(test_without_memory_nothing_is_passed_over),
		cmocka_unit_test(test_what_is_known_is_not_counted_again),
		cmocka_unit_test(test_the_first_error_is_reported),
	};

	return t_run("scrub.steps", tests, T_LENGTH(tests));
}
