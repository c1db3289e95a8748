/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_shielded.c - a mapping under a shield, and the registry that it feeds
 *
 * A page of the shielded mapping is poisoned by userfaultfd(2). Whether the medium has lost it is
 * played: pread(2) of the page fails.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "child.h"
#include "cmocka_all.h"
#include "pmem/pmem.h"
#include "rng.h"
#include "run.h"
#include "tool.h"
#include "touch.h"
#include "uffd_poison.h"

#define N 70 /* pages; more than a word of bits */

static struct {
	int fd;
	struct mcsafe_pmem *pmem;
	unsigned char *base; /* under the shield */
	struct mcsafe_shield *shield;
	bool lost[N]; /* by the medium */
} f;

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker wants these names */
ssize_t __real_pread(int fd, void *to, size_t n, off_t offset);
ssize_t __wrap_pread(int fd, void *to, size_t n, off_t offset);

ssize_t __wrap_pread(int fd, void *to, size_t n, off_t offset)
{
	if (offset < N * (off_t)T_PAGE && f.lost[offset / (off_t)T_PAGE]) {
		errno = EIO;
		return -1;
	}
	return __real_pread(fd, to, n, offset);
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* Of ordinary code, which the sanitizers do not see. */
static unsigned char load(size_t page)
{
	unsigned char byte;

	__asm__ volatile("movb %1, %0" : "=q"(byte) : "m"(f.base[page * T_PAGE + 9]));
	return byte;
}

static void store(size_t page, unsigned char byte)
{
	__asm__ volatile("movb %1, %0" : "=m"(f.base[page * T_PAGE + 9]) : "q"(byte));
}

static void put(size_t page, unsigned char byte)
{
	unsigned char bytes[T_PAGE];

	memset(bytes, byte, sizeof(bytes));
	CHECK_EQ(pwrite(f.fd, bytes, sizeof(bytes), (off_t)(page * T_PAGE)), T_PAGE);
}

static void open_shielded(const struct mcsafe_shield_options *options)
{
	void *base;

	CHECK_EQ(mcsafe_pmem_shield(f.pmem, options, &base, &f.shield), 0);
	f.base = base;
}

static void open_all(void)
{
	f.fd = memfd_create("shielded", MFD_CLOEXEC);
	CHECK(f.fd >= 0);
	for (size_t page = 0; page < N; page++)
		put(page, (unsigned char)(page + 1));
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_pmem_open_fd(&f.pmem, f.fd, MCSAFE_PMEM_WRITE), 0);
}

static ssize_t read_page(size_t page, unsigned char *byte)
{
	unsigned char bytes[16];
	ssize_t got = mcsafe_pmem_pread(f.pmem, bytes, sizeof(bytes), (off_t)(page * T_PAGE), NULL);

	*byte = got > 0 ? bytes[9] : 0;
	return got;
}

static bool is_known(size_t page)
{
	return mcsafe_badblocks_next(mcsafe_pmem_badblocks(f.pmem), page * T_PAGE,
				     (page + 1) * T_PAGE, NULL);
}

/* Have the registry take what the shield has lost. */
static void ask(void)
{
	CHECK_EQ(mcsafe_pmem_pread(f.pmem, NULL, 0, 0, NULL), 0);
}

static ssize_t repair(size_t page, unsigned char byte)
{
	unsigned char bytes[T_PAGE];

	memset(bytes, byte, sizeof(bytes));
	return mcsafe_pmem_repair(f.pmem, bytes, sizeof(bytes), (off_t)(page * T_PAGE));
}

/* ---- one thing at a time --------------------------------------------------------------------- */

IN_CHILD(test_a_page_that_fails_is_added_if_the_medium_has_lost_it)
{
	unsigned char byte;

	open_all();
	open_shielded(NULL);
	CHECK_EQ(load(5), 6);
	f.lost[5] = true;
	t_poison(f.base + 5 * T_PAGE, T_PAGE);
	t_poison(f.base + 66 * T_PAGE, T_PAGE);
	CHECK_EQ(load(5), 0);
	CHECK_EQ(load(66), 0);
	CHECK_EQ(load(6), 7);
	CHECK_EQ(mcsafe_shield_lost(f.shield), 2 * T_PAGE);
	ask();
	CHECK(is_known(5));
	/* The file has that page. It is back after a refresh. */
	CHECK(!is_known(66));
	CHECK_EQ(mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(f.pmem)), T_PAGE);
	CHECK_EQ(read_page(5, &byte), -EIO);
	CHECK_EQ(read_page(66, &byte), 16);
	CHECK_EQ(byte, 67);
	CHECK_EQ(mcsafe_pmem_refresh(f.pmem), 0);
	CHECK_EQ(load(66), 67);
	CHECK_EQ(load(5), 0);
	mcsafe_pmem_close(f.pmem);
}

IN_CHILD(test_a_repair_gives_the_page_back)
{
	unsigned char byte;

	open_all();
	open_shielded(NULL);
	f.lost[5] = true;
	t_poison(f.base + 5 * T_PAGE, T_PAGE);
	CHECK_EQ(load(5), 0);
	store(5, 99);
	f.lost[5] = false;
	/* The loss is not in the registry yet, and must not get there afterwards. */
	CHECK_EQ(repair(5, 55), T_PAGE);
	CHECK_EQ(load(5), 55);
	f.lost[5] = true;
	ask();
	f.lost[5] = false;
	CHECK(!is_known(5));
	CHECK(!mcsafe_shield_next(f.shield, 0, NULL));
	store(5, 56);
	CHECK_EQ(read_page(5, &byte), 16);
	CHECK_EQ(byte, 56);
}

IN_CHILD(test_known_ranges_are_replaced_untouched)
{
	struct mcsafe_badblocks *bad;
	struct mcsafe_range range;
	unsigned char byte;
	int mirror;

	open_all();
	bad = mcsafe_pmem_badblocks(f.pmem);
	/* Of two in a page, the second finds a stand-in. */
	CHECK_EQ(mcsafe_badblocks_add(bad, 7 * T_PAGE + 64, 64), 0);
	CHECK_EQ(mcsafe_badblocks_add(bad, 7 * T_PAGE + 512, 64), 0);
	CHECK_EQ(mcsafe_badblocks_add(bad, 9 * T_PAGE - 1, 2), 0);
	open_shielded(NULL);
	/* The file has the bytes, so the page of the file would show. */
	CHECK_EQ(mcsafe_shield_lost(f.shield), 3 * T_PAGE);
	CHECK(mcsafe_shield_next(f.shield, 0, &range));
	CHECK_EQ(range.start, 7 * T_PAGE);
	CHECK_EQ(range.len, 3 * T_PAGE);
	CHECK_EQ(load(6), 7);
	CHECK_EQ(load(7), 0);
	CHECK_EQ(load(9), 0);
	CHECK_EQ(load(10), 11);
	/* The registry has what it had. */
	ask();
	CHECK_EQ(mcsafe_badblocks_bytes(bad), 66 + 64);
	CHECK_EQ(mcsafe_pmem_refresh(f.pmem), 0);
	CHECK_EQ(load(7), 0);
	CHECK_EQ(mcsafe_pmem_unshield(f.pmem), 0);
	/* The same from a mirror. */
	mirror = memfd_create("mirror", MFD_CLOEXEC);
	for (size_t page = 0; page < N; page++) {
		unsigned char bytes[T_PAGE];

		memset(bytes, 200, sizeof(bytes));
		CHECK_EQ(write(mirror, bytes, sizeof(bytes)), T_PAGE);
	}
	open_shielded(&(struct mcsafe_shield_options){.size = sizeof(struct mcsafe_shield_options),
						      .fill = MCSAFE_SHIELD_MIRROR,
						      .mirror_fd = mirror});
	CHECK_EQ(load(7), 200);
	CHECK_EQ(read_page(8, &byte), 16);
	CHECK_EQ(byte, 9);
}

IN_CHILD(test_what_lies_past_the_end_is_not_added)
{
	open_all();
	open_shielded(NULL);
	CHECK_EQ(ftruncate(f.fd, 3 * (off_t)T_PAGE), 0);
	CHECK_EQ(load(10), 0);
	CHECK_EQ(load(2), 3);
	ask();
	CHECK_EQ(mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(f.pmem)), 0);
	CHECK_EQ(mcsafe_shield_lost(f.shield), (N - 3) * T_PAGE);
	/* The file grows again. */
	put(10, 77);
	CHECK_EQ(load(10), 0);
	CHECK_EQ(mcsafe_pmem_refresh(f.pmem), 0);
	CHECK_EQ(load(10), 77);
	CHECK_EQ(load(11), 0);
}

IN_CHILD(test_what_is_refused)
{
	struct mcsafe_shield_options options = {.size = sizeof(options)};
	struct mcsafe_shield *shield = NULL;
	struct mcsafe_pmem *memory;
	void *base = NULL, *anonymous;

	open_all();
	options.flags = MCSAFE_SHIELD_FILE;
	options.file_fd = f.fd;
	CHECK_EQ(mcsafe_pmem_shield(f.pmem, &options, &base, &shield), -EINVAL);
	options = (struct mcsafe_shield_options){
		.size = sizeof(options), .fill = MCSAFE_SHIELD_BYTE, .byte = 256};
	CHECK_EQ(mcsafe_pmem_shield(f.pmem, &options, &base, &shield), -EINVAL);
	options.size--;
	CHECK_EQ(mcsafe_pmem_shield(f.pmem, &options, &base, &shield), -EINVAL);
	CHECK_EQ(mcsafe_pmem_unshield(f.pmem), 0);
	open_shielded(NULL);
	CHECK_EQ(mcsafe_pmem_shield(f.pmem, NULL, &base, &shield), -EEXIST);
	CHECK_EQ(mcsafe_pmem_unshield(f.pmem), 0);
	CHECK_EQ(ftruncate(f.fd, 0), 0);
	CHECK_EQ(mcsafe_pmem_refresh(f.pmem), 0);
	CHECK_EQ(mcsafe_pmem_shield(f.pmem, NULL, &base, &shield), -ENODATA);
	anonymous = mmap(NULL, T_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_EQ(mcsafe_pmem_open_memory(&memory, anonymous, T_PAGE, -1, 0, 0), 0);
	CHECK_EQ(mcsafe_pmem_shield(memory, NULL, &base, &shield), -ENOTSUP);
	CHECK_PTR_EQ(base, NULL);
	CHECK_PTR_EQ(shield, NULL);
}

/* The program has closed the number of the file, and got it for another. */
IN_CHILD(test_another_file_is_not_shielded)
{
	struct mcsafe_shield *shield;
	int other = memfd_create("other", MFD_CLOEXEC);
	void *base;

	open_all();
	CHECK_EQ(dup2(other, f.pmem->fd), f.pmem->fd);
	CHECK_EQ(mcsafe_pmem_shield(f.pmem, NULL, &base, &shield), -EBADF);
	CHECK_PTR_EQ(f.pmem->shielded, NULL);
}

/* The file has grown since, so its new pages are not in the shielded mapping. */
IN_CHILD(test_pages_past_a_shield_are_repaired_too)
{
	unsigned char byte;

	open_all();
	open_shielded(NULL);
	put(N, 1);
	CHECK_EQ(mcsafe_pmem_refresh(f.pmem), 0);
	CHECK_EQ(mcsafe_badblocks_add(mcsafe_pmem_badblocks(f.pmem), N * T_PAGE, T_PAGE), 0);
	CHECK_EQ(read_page(N, &byte), -EIO);
	CHECK_EQ(repair(N, 77), T_PAGE);
	CHECK_EQ(read_page(N, &byte), 16);
	CHECK_EQ(byte, 77);
	CHECK_EQ(mcsafe_shield_lost(f.shield), 0);
}

/* What was lost before the end is in the registry after it. */
IN_CHILD(test_an_end_loses_nothing_that_was_noted)
{
	open_all();
	open_shielded(NULL);
	f.lost[30] = true;
	t_poison(f.base + 30 * T_PAGE, T_PAGE);
	CHECK_EQ(load(30), 0);
	CHECK_EQ(mcsafe_pmem_unshield(f.pmem), 0);
	CHECK(is_known(30));
	open_shielded(NULL);
	CHECK_EQ(load(30), 0);
	CHECK_EQ(mcsafe_shield_lost(f.shield), T_PAGE);
}

/* ---- random steps against a model ------------------------------------------------------------ */

enum state { OF_FILE, POISONED, STAND_IN };

static struct {
	unsigned char file[N], stand_in[N];
	enum state state[N]; /* of the shielded mapping */
	bool news[N];        /* lost, and the registry has not taken it */
	bool known[N];
	size_t lost, seen[8];
} m;

static void fault(size_t page)
{
	if (m.state[page] != POISONED)
		return;
	m.state[page] = STAND_IN;
	m.stand_in[page] = 0;
	m.news[page] = true;
	m.lost += T_PAGE;
}

static void take_news(void)
{
	for (size_t page = 0; page < N; page++) {
		m.known[page] |= m.news[page] && f.lost[page];
		m.news[page] = false;
	}
}

static void fail_page(size_t page, bool medium)
{
	if (m.state[page] != OF_FILE || m.known[page])
		return;
	f.lost[page] = medium;
	t_poison(f.base + page * T_PAGE, T_PAGE);
	m.state[page] = POISONED;
}

static void check_read(size_t page)
{
	unsigned char byte;
	ssize_t got = read_page(page, &byte);

	take_news();
	CHECK_EQ(got, m.known[page] ? -EIO : 16);
	CHECK_EQ(byte, m.known[page] ? 0 : m.file[page]);
}

static void repair_page(size_t page, unsigned char byte)
{
	f.lost[page] = false;
	CHECK_EQ(repair(page, byte), T_PAGE);
	m.file[page] = byte;
	m.known[page] = m.news[page] = false;
	if (m.state[page] == STAND_IN)
		m.state[page] = OF_FILE;
}

static void refresh(void)
{
	CHECK_EQ(mcsafe_pmem_refresh(f.pmem), 0);
	take_news();
	for (size_t page = 0; page < N; page++)
		if (m.state[page] == STAND_IN && !m.known[page])
			m.state[page] = OF_FILE;
}

static void open_again(void)
{
	CHECK_EQ(mcsafe_pmem_unshield(f.pmem), 0);
	take_news();
	open_shielded(NULL);
	m.lost = 0;
	for (size_t page = 0; page < N; page++) {
		m.state[page] = m.known[page] ? STAND_IN : OF_FILE;
		m.stand_in[page] = 0;
		m.lost += m.known[page] ? T_PAGE : 0;
	}
}

static void check_load(size_t page)
{
	fault(page);
	CHECK_EQ(load(page), m.state[page] == STAND_IN ? m.stand_in[page] : m.file[page]);
}

static void check_store(size_t page, unsigned char byte)
{
	fault(page);
	store(page, byte);
	*(m.state[page] == STAND_IN ? &m.stand_in[page] : &m.file[page]) = byte;
}

/* The pages are as the model says. */
static void check_pages(void)
{
	CHECK_EQ(mcsafe_shield_lost(f.shield), m.lost);
	for (size_t page = 0; page < N; page++) {
		struct mcsafe_range range;
		bool listed = mcsafe_shield_next(f.shield, page * T_PAGE, &range) &&
			      range.start == page * T_PAGE;

		CHECK_EQ(is_known(page), m.known[page]);
		CHECK_EQ(listed, m.state[page] == STAND_IN);
		m.seen[m.state[page] + (m.known[page] ? 4 : 0)]++;
	}
}

/* However few random steps follow, a page has failed, was replaced, and became known. */
static void first_steps(void)
{
	fail_page(0, true);
	check_pages();
	check_load(0);
	check_pages();
	refresh();
	check_pages();
}

static void step(struct t_rng *rng)
{
	size_t page = t_rng_below(rng, N), what = t_rng_below(rng, 100);
	unsigned char byte = (unsigned char)t_rng_below(rng, 256);

	if (what < 8)
		fail_page(page, true);
	else if (what < 14)
		fail_page(page, false);
	else if (what < 45)
		check_load(page);
	else if (what < 60)
		check_store(page, byte);
	else if (what < 85)
		check_read(page);
	else if (what < 96)
		repair_page(page, byte);
	else if (what < 99)
		refresh();
	else
		open_again();
	check_pages();
}

IN_CHILD(test_random_steps_agree_with_the_model)
{
	struct t_rng rng = t_rng_start(t_seed(), 0);

	open_all();
	open_shielded(NULL);
	for (size_t page = 0; page < N; page++)
		m.file[page] = (unsigned char)(page + 1);
	first_steps();
	for (size_t i = 20000 / t_stride(10, 100); i > 0; i--)
		step(&rng);
	mcsafe_pmem_close(f.pmem);
	CHECK(m.seen[POISONED] > 0 && m.seen[STAND_IN] > 0 && m.seen[STAND_IN + 4] > 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_page_that_fails_is_added_if_the_medium_has_lost_it),
		cmocka_unit_test(test_a_repair_gives_the_page_back),
		cmocka_unit_test(test_known_ranges_are_replaced_untouched),
		cmocka_unit_test(test_what_lies_past_the_end_is_not_added),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_another_file_is_not_shielded),
		cmocka_unit_test(test_pages_past_a_shield_are_repaired_too),
		cmocka_unit_test(test_an_end_loses_nothing_that_was_noted),
		cmocka_unit_test(test_random_steps_agree_with_the_model),
	};

	return t_run("pmem.shielded", tests, T_LENGTH(tests));
}
