/* SPDX-License-Identifier: BSD-3-Clause */
/* badblocks.c - lookups in registries of bad ranges, changes, and loading a million ranges */
#include <stdio.h>
#include <stdlib.h>

#include <mcsafe/badblocks.h>

#include "bench.h"

#define APART ((size_t)65536) /* bytes from one bad sector to the next */

struct registry {
	struct mcsafe_badblocks *badblocks;
	char *text; /* the lines that were loaded */
	size_t len, places;
};

static struct mcsafe_badblocks *load_text(const struct registry *r)
{
	FILE *file = fmemopen(r->text, r->len + (r->len == 0), "r");
	struct mcsafe_badblocks *badblocks = NULL;

	need(file != NULL && mcsafe_badblocks_create(&badblocks) == 0, "badblocks_create");
	need(r->len == 0 || mcsafe_badblocks_load(badblocks, file, NULL) == 0, "badblocks_load");
	fclose(file);
	return badblocks;
}

/* A lookup of 64 good bytes. A read pays this, as it finds nothing bad. */
static double look_up(const struct registry *r, size_t places, size_t calls)
{
	size_t found = 0;
	double start = now_ns();

	for (size_t i = 0; i < calls; i++) {
		size_t at = next_random() % places * APART + 4096;

		found += mcsafe_badblocks_next(r->badblocks, at, at + 64, NULL);
	}
	start = now_ns() - start;
	need(found == 0, "badblocks_next");
	return start;
}

static double one_place(const void *work, size_t calls)
{
	return look_up(work, 1, calls);
}

static double everywhere(const void *work, size_t calls)
{
	const struct registry *r = work;

	return look_up(r, r->places, calls);
}

/* Half of the time of an addition and a removal. */
static double change(const void *work, size_t calls)
{
	const struct registry *r = work;
	double start = now_ns();

	for (size_t i = 0; i < calls; i++) {
		size_t at = i * 40503 % r->places * APART + 8192;

		need(mcsafe_badblocks_add(r->badblocks, at, 64) == 0 &&
			     mcsafe_badblocks_clear(r->badblocks, at, 64) == 0,
		     "badblocks_add");
	}
	return (now_ns() - start) / 2;
}

static double load(const void *work, size_t calls)
{
	double start = now_ns();

	for (size_t i = 0; i < calls; i++)
		mcsafe_badblocks_destroy(load_text(work));
	return now_ns() - start;
}

static void with(size_t n)
{
	struct contest contest = {.count = 0}, loading = {.count = 0};
	struct registry r = {.places = n != 0 ? n : 1000};
	const unsigned rounds = effort.rounds;
	FILE *file = open_memstream(&r.text, &r.len);

	need(file != NULL, "open_memstream");
	for (size_t i = 0; i < n; i++)
		fprintf(file, "%zu 512\n", i * APART);
	fclose(file);
	r.badblocks = load_text(&r);
	contest_add(&contest, "lookup in one place", one_place);
	contest_add(&contest, "lookup anywhere", everywhere);
	contest_add(&contest, "change", change);
	contest_run(&contest, "badblocks", "", n, &r, 0);
	contest_add(&loading, "load", load);
	effort.rounds = rounds / 8 + 1;
	contest_run(&loading, "badblocks", "load", n, &r, 1);
	effort.rounds = rounds;
	mcsafe_badblocks_destroy(r.badblocks);
	free(r.text);
}

void bench_badblocks(void)
{
	with(0);
	with(1000);
	with(effort.fleet < 1000 ? 10000 : 1000000);
}
