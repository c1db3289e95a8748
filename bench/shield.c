/* SPDX-License-Identifier: BSD-3-Clause */
/* shield.c - a page that a stand-in replaces, many of them, and a shield that has nothing to do */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "bench.h"

#define PAGE  ((size_t)4096)
#define PAGES 64                /* that fail in one sample */
#define MUCH  ((size_t)1 << 28) /* past the end of a file */
#define GOOD  ((size_t)1 << 20) /* memory without a fault */

static int file;

/* Reads a byte of each page, or of each line. */
static void read_each(const unsigned char *memory, size_t n, size_t step)
{
	uintptr_t sum = 0;

	for (size_t at = 0; at < n; at += step)
		sum += *(const volatile unsigned char *)(memory + at);
	sink += sum;
}

static unsigned char *map_file(size_t n)
{
	unsigned char *at = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	need(at != MAP_FAILED, "mmap");
	return at;
}

static struct mcsafe_shield *open_shield(unsigned char *base, size_t n)
{
	const struct mcsafe_shield_options options = {
		.size = sizeof(options), .flags = MCSAFE_SHIELD_FILE, .file_fd = file};
	struct mcsafe_shield *shield;

	need(mcsafe_shield_open(&shield, base, n, &options) == 0, "shield_open");
	return shield;
}

/* ---- one page -------------------------------------------------------------------------------- */

/* The least that a handler can do. */
static void replace(int signo, siginfo_t *si, void *ctx)
{
	char *page = (char *)si->si_addr - (uintptr_t)si->si_addr % PAGE;

	(void)signo;
	(void)ctx;
	(void)mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0);
}

static double by_hand(const void *work, size_t calls)
{
	struct sigaction action, before;
	double taken = 0;

	(void)work;
	memset(&action, 0, sizeof(action));
	action.sa_sigaction = replace;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	sigaction(SIGBUS, &action, &before);
	for (size_t done = 0; done < calls; done += PAGES) {
		unsigned char *map = map_file(PAGES * PAGE);
		double start = now_ns();

		read_each(map, PAGES * PAGE, PAGE);
		taken += now_ns() - start;
		munmap(map, PAGES * PAGE);
	}
	sigaction(SIGBUS, &before, NULL);
	return taken;
}

/* Each page has a shield of its own: otherwise one fault would replace them all. */
static double by_shield(const void *work, size_t calls)
{
	double taken = 0;

	(void)work;
	for (size_t done = 0; done < calls; done += PAGES) {
		unsigned char *map = map_file(PAGES * PAGE);
		struct mcsafe_shield *shields[PAGES];
		double start;

		for (size_t i = 0; i < PAGES; i++)
			shields[i] = open_shield(map + i * PAGE, PAGE);
		start = now_ns();
		read_each(map, PAGES * PAGE, PAGE);
		taken += now_ns() - start;
		for (size_t i = 0; i < PAGES; i++) {
			need(mcsafe_shield_lost(shields[i]) == PAGE, "a page was not replaced");
			mcsafe_shield_close(shields[i]);
		}
		munmap(map, PAGES * PAGE);
	}
	return taken;
}

/* ---- all that lies past the end of a file ---------------------------------------------------- */

static size_t much;

static double fresh_memory(const void *work, size_t calls)
{
	double taken = 0;

	(void)work;
	for (size_t i = 0; i < calls; i++) {
		double start = now_ns();
		unsigned char *map = mmap(NULL, much, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		need(map != MAP_FAILED, "mmap");
		read_each(map, much, PAGE);
		taken += now_ns() - start;
		munmap(map, much);
	}
	return taken;
}

static double past_the_end(const void *work, size_t calls)
{
	double taken = 0;

	(void)work;
	for (size_t i = 0; i < calls; i++) {
		unsigned char *map = map_file(much);
		struct mcsafe_shield *shield = open_shield(map, much);
		double start = now_ns();

		read_each(map, much, PAGE);
		taken += now_ns() - start;
		need(mcsafe_shield_lost(shield) == much, "pages were not replaced");
		mcsafe_shield_close(shield);
		munmap(map, much);
	}
	return taken;
}

/* ---- no fault -------------------------------------------------------------------------------- */

static double read_good(const void *work, size_t calls)
{
	double start;

	/* Opening a shield takes other things into the caches. */
	read_each(work, GOOD, 64);
	start = now_ns();
	for (size_t i = 0; i < calls; i++)
		read_each(work, GOOD, 64);
	return now_ns() - start;
}

static double read_shielded(const void *work, size_t calls)
{
	struct mcsafe_shield *shield;
	double taken;

	need(mcsafe_shield_open(&shield, (void *)(uintptr_t)work, GOOD, NULL) == 0, "shield_open");
	taken = read_good(work, calls);
	need(mcsafe_shield_lost(shield) == 0, "a page was replaced");
	mcsafe_shield_close(shield);
	return taken;
}

void bench_shield(void)
{
	struct contest page = {.count = 0}, end = {.count = 0}, good = {.count = 0};
	bool is_short = effort.sample_ns <= 2000;
	unsigned char *memory = get_memory(GOOD);

	file = memfd_create("bench", MFD_CLOEXEC);
	need(file >= 0, "memfd_create");
	much = is_short ? MUCH / 256 : MUCH;
	contest_add(&page, "signal and mmap", by_hand);
	contest_add(&page, "shield", by_shield);
	contest_run(&page, "shield", "page", PAGE, NULL, is_short ? PAGES : 4 * PAGES);
	contest_add(&end, "fresh memory", fresh_memory);
	contest_add(&end, "shield", past_the_end);
	contest_run(&end, "shield", "past the end", much, NULL, 1);
	contest_add(&good, "no shield", read_good);
	contest_add(&good, "shield", read_shielded);
	contest_run(&good, "shield", "no fault", GOOD, memory, 0);
	close(file);
	put_memory(memory, GOOD);
}
