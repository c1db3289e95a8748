/* SPDX-License-Identifier: BSD-3-Clause */
/* lookup.c - a lookup in the table of rows, and in that of shields */
#include <stdlib.h>
#include <sys/mman.h>

#include "bench.h"
#include "landing/extable.h"
#include "shield/shield.h"

struct table {
	struct mcsafe_row *rows;
	size_t count;
};

static double look_up(const void *work, size_t calls)
{
	const struct table *table = work;
	uintptr_t found = 0;
	double start = now_ns();

	for (size_t i = 0; i < calls; i++)
		found += (uintptr_t)mcsafe__extable_search(table->rows, table->rows + table->count,
							   (uintptr_t)table->rows +
								   64 * (i * 40503 % table->count));
	start = now_ns() - start;
	sink += found;
	return start;
}

/* ---- shields --------------------------------------------------------------------------------- */

struct shields {
	unsigned char *memory; /* each page of it is a shield */
	struct mcsafe_shield **shields;
	uintptr_t *addresses;
	size_t count;
};

static double look_up_shield(const void *work, size_t calls)
{
	const struct shields *s = work;
	uintptr_t found = 0, start = (uintptr_t)s->memory;
	double before = now_ns();

	for (size_t i = 0; i < calls; i++)
		found += (uintptr_t)mcsafe__shield_at(start + i * 40503 % s->count * MCSAFE__PAGE);
	before = now_ns() - before;
	sink += found;
	return before;
}

static int compare(const void *key, const void *page)
{
	uintptr_t addr = *(const uintptr_t *)key, start = *(const uintptr_t *)page;

	return addr < start ? -1 : addr >= start + MCSAFE__PAGE;
}

/* The same with the C library's search, in a table of addresses. */
static double look_up_address(const void *work, size_t calls)
{
	const struct shields *s = work;
	uintptr_t found = 0;
	double before = now_ns();

	for (size_t i = 0; i < calls; i++) {
		uintptr_t key = (uintptr_t)s->memory + i * 40503 % s->count * MCSAFE__PAGE;

		found += (uintptr_t)bsearch(&key, s->addresses, s->count, sizeof(key), compare);
	}
	before = now_ns() - before;
	sink += found;
	return before;
}

static void bench_shields(size_t n)
{
	struct shields s = {.shields = calloc(n, sizeof(struct mcsafe_shield *)), .count = n};
	struct contest contest = {.count = 0};

	s.addresses = calloc(n, sizeof(*s.addresses));
	need(s.shields != NULL && s.addresses != NULL, "calloc");
	s.memory = mmap(NULL, n * MCSAFE__PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(s.memory != MAP_FAILED, "mmap");
	for (size_t i = 0; i < n; i++)
		s.addresses[i] = (uintptr_t)s.memory + i * MCSAFE__PAGE;
	for (size_t i = 0; i < n; i++)
		need(mcsafe_shield_open(&s.shields[i], s.memory + i * MCSAFE__PAGE, MCSAFE__PAGE,
					NULL) == 0,
		     "shield_open");
	contest_add(&contest, "bsearch", look_up_address);
	contest_add(&contest, "lookup", look_up_shield);
	contest_run(&contest, "lookup", "shields", n, &s, 0);
	for (size_t i = 0; i < n; i++)
		mcsafe_shield_close(s.shields[i]);
	munmap(s.memory, n * MCSAFE__PAGE);
	free(s.addresses);
	free(s.shields);
}

void bench_lookup(void)
{
	struct contest contest = {.count = 0};

	contest_add(&contest, "lookup", look_up);
	for (size_t n = 10; n <= 100000; n *= 10) {
		struct table table = {calloc(n, sizeof(struct mcsafe_row)), n};

		need(table.rows != NULL, "calloc");
		/* Row i names the address rows + 64 i. Nothing needs to be there. */
		for (size_t i = 0; i < n; i++)
			table.rows[i].insn = (int32_t)(64 * i - i * sizeof(*table.rows));
		contest_run(&contest, "lookup", "", n, &table, 0);
		free(table.rows);
	}
	if (is_wanted("lookup", "shields"))
		bench_shields(effort.sample_ns <= 2000 ? 100 : 10000);
}
