/* SPDX-License-Identifier: BSD-3-Clause */
/* test_rows.c - every row of the landing table is reached by a fault, and is right */
#include <stdbool.h>
#include <stdlib.h>

#include "landing/extable.h"
#include "landing/landing.h"
#include "run.h"
#include "sweep.h"
#include "tool.h"
#include "witness.h"

/* Distances, alignments and lengths that reach every phase of every engine. */
#define FARTHEST   SWEEP_FARTHEST
#define ALIGNMENTS 16

struct tally {
	const struct mcsafe_row *first;
	size_t n_rows;
	size_t *hits; /* one number for each row */
};

static void open_tally(struct tally *tally)
{
	const struct mcsafe_row *end;

	mcsafe__extable_own(&tally->first, &end);
	tally->n_rows = (size_t)(end - tally->first);
	assert_true(tally->n_rows != 0);
	tally->hits = calloc(tally->n_rows, sizeof(*tally->hits));
	assert_non_null(tally->hits);
}

static bool is_inside(uintptr_t addr, const struct t_region *region)
{
	return addr >= (uintptr_t)region->bad && addr < (uintptr_t)region->bad_end;
}

/* Counts the signals of the last trial. Their address tells the side, whatever the row says. */
static void count(struct tally *tally, const struct sweep *sweep)
{
	for (unsigned i = 0; i < t_witness.n; i++) {
		const struct t_sighting *sighting = &t_witness.seen[i];
		const struct mcsafe_row *row = mcsafe__extable_find(sighting->ip);

		assert_non_null(row);
		if (row->kind != MCSAFE_ROW_BOTH &&
		    !is_inside(sighting->addr, row->kind == (uint32_t)MCSAFE_SIDE_SOURCE
						       ? &sweep->src
						       : &sweep->dst))
			fail_msg("row %zu is not of the side that failed",
				 (size_t)(row - tally->first));
		tally->hits[row - tally->first]++;
	}
}

static void try_side(struct sweep *sweep, struct tally *tally, ptrdiff_t *bad, ptrdiff_t *good)
{
	for (*bad = -9; *bad <= FARTHEST; ++*bad)
		for (size_t alignment = 0; alignment < ALIGNMENTS; alignment++) {
			*good = sweep_good_distance(alignment);
			for (size_t i = 0; i < sweep_n_lengths; i++) {
				sweep->trial.n = sweep_lengths[i];
				sweep_once(sweep);
				count(tally, sweep);
			}
		}
}

/* The record has the instruction where a copy stopped: every row but those of a second look. */
static void print_rows(const struct tally *tally)
{
	for (size_t i = 0; i < tally->n_rows; i++) {
		uintptr_t insn = mcsafe__row_insn(&tally->first[i]);
		const struct t_copy *engine = t_engine_of(insn);

		print_message("row %zu, %s + %#zx, %s: %zu faults\n", i,
			      engine != NULL ? engine->name : "in no engine",
			      (size_t)(insn - (engine != NULL ? (uintptr_t)engine->fn : 0)),
			      tally->first[i].kind == MCSAFE_ROW_LOAD ? "load" : "store",
			      tally->hits[i]);
	}
}

/* The turns of a long fill, and the stores up to its end: all distances, as fills are fast. */
static void try_long_fills(struct sweep *sweep, struct tally *tally)
{
	static const size_t lengths[] = {300, 400, 700};

	for (size_t i = 0; i < T_LENGTH(lengths); i++)
		for (size_t distance = 0; distance < lengths[i]; distance++) {
			sweep->trial.n = lengths[i];
			sweep->trial.dst_distance = (ptrdiff_t)distance;
			sweep_once(sweep);
			count(tally, sweep);
		}
}

static void try_engine(struct sweep *sweep, struct tally *tally)
{
	struct t_trial *trial = &sweep->trial;

	if (trial->copy->work == T_COPIES)
		try_side(sweep, tally, &trial->src_distance, &trial->dst_distance);
	try_side(sweep, tally, &trial->dst_distance, &trial->src_distance);
	if (trial->copy->work == T_SETS)
		try_long_fills(sweep, tally);
}

/* Every row must belong to a routine of copies.c. */
static void check_tally(const struct tally *tally)
{
	const struct t_copy *impossible = NULL;

	for (size_t i = 0; i < tally->n_rows; i++) {
		const struct t_copy *engine = t_engine_of(mcsafe__row_insn(&tally->first[i]));

		assert_non_null(engine);
		if (t_is_no_copy(engine))
			continue;
		if (!t_copy_is_possible(engine))
			impossible = engine;
		else if (tally->hits[i] == 0 && !engine->is.touches_again)
			fail_msg("no fault has reached row %zu", i);
	}
	if (impossible != NULL)
		t_skip("this processor cannot run %s", impossible->name);
}

static void test_a_fault_reaches_every_row(void **state)
{
	const struct t_fault_kind *kind = t_fault_kind("prot_none");
	const struct t_copy *copy = NULL;
	struct sweep sweep;
	struct tally tally;

	(void)state;
	open_tally(&tally);
	sweep_open(&sweep, kind, kind, 1);
	if (t_with_valgrind())
		sweep.least_stride = 5; /* or it would miss some rows */
	while ((copy = sweep_next(copy, T_SIDE(MCSAFE_SIDE_DESTINATION))) != NULL) {
		if (!t_copy_is_engine(copy))
			continue;
		sweep_begin(&sweep, copy);
		try_engine(&sweep, &tally);
		sweep_end(&sweep);
	}
	sweep_close(&sweep);
	print_rows(&tally);
	check_tally(&tally);
	free(tally.hits);
}

static void test_lookup_finds_rows_and_nothing_else(void **state)
{
	const struct mcsafe_row *first, *end;

	(void)state;
	mcsafe__extable_own(&first, &end);
	for (const struct mcsafe_row *row = first; row < end; row++) {
		uintptr_t insn = mcsafe__row_insn(row);

		assert_ptr_equal(mcsafe__extable_find(insn), row);
		assert_null(mcsafe__extable_find(insn + 1)); /* no access is so short */
		assert_null(mcsafe__extable_find(mcsafe__row_fixup(row)));
		assert_in_range(row->kind, MCSAFE_ROW_LOAD, MCSAFE_ROW_BOTH);
		assert_ptr_equal(t_engine_of(insn), t_engine_of(mcsafe__row_fixup(row)));
	}
	assert_null(mcsafe__extable_find(mcsafe__row_insn(first) - 1));
	assert_null(mcsafe__extable_find(0));
	assert_null(mcsafe__extable_find(UINTPTR_MAX));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_fault_reaches_every_row),
		cmocka_unit_test(test_lookup_finds_rows_and_nothing_else),
	};

	return t_run("copy.rows", tests, T_LENGTH(tests));
}
