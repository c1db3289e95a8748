/* SPDX-License-Identifier: BSD-3-Clause */
/* test_long.c - lengths around whole pages, and bad pages that come late */
#include "run.h"
#include "sweep.h"

#define GOOD_PAGES 4
#define AROUND     9 /* bytes less and more */

/* The longest leaves room for its red zones. */
static const size_t pages[] = {1, 2};

static size_t alignments_for(const struct t_copy *copy)
{
	if (copy->work != T_COPIES)
		return 1;
	return t_copy_is_engine(copy) ? 8 : 2;
}

/* Bytes that are bad at the end of a copy: none, and around the phases of every engine. */
static const size_t cuts[] = {0, 1, 7, 8, 9, 16, 31, 33, 63, 64, 65, 129, 2048};

/* Bytes of the bad page that lie before the operand, if all of it is bad. */
static const size_t insides[] = {1, 31, 33, 63, 100};

static void try_insides(struct sweep *sweep, ptrdiff_t *bad, ptrdiff_t *good)
{
	size_t alignments = alignments_for(sweep->trial.copy);

	for (size_t i = 0; i < T_LENGTH(insides); i++)
		for (size_t alignment = 0; alignment < alignments; alignment++) {
			*bad = -(ptrdiff_t)insides[i];
			*good = (ptrdiff_t)((GOOD_PAGES - 1) * T_PAGE - alignment);
			sweep_once(sweep);
		}
}

static void try_cuts(struct sweep *sweep, ptrdiff_t *bad, ptrdiff_t *good)
{
	size_t alignments = alignments_for(sweep->trial.copy);

	for (size_t i = 0; i < T_LENGTH(cuts); i++)
		for (size_t alignment = 0; alignment < alignments; alignment++) {
			*bad = (ptrdiff_t)(sweep->trial.n - cuts[i]);
			*good = (ptrdiff_t)((GOOD_PAGES - 1) * T_PAGE - alignment);
			sweep_once(sweep);
		}
}

static void try_lengths(struct sweep *sweep, ptrdiff_t *bad, ptrdiff_t *good)
{
	for (size_t i = 0; i < T_LENGTH(pages); i++)
		for (size_t n = pages[i] * T_PAGE - AROUND; n <= pages[i] * T_PAGE + AROUND; n++) {
			sweep->trial.n = n;
			try_cuts(sweep, bad, good);
			try_insides(sweep, bad, good);
		}
}

static void try_side(enum mcsafe_side side)
{
	const struct t_fault_kind *kind = t_fault_kind("prot_none");
	const struct t_copy *copy = NULL;
	struct sweep sweep;

	sweep_open(&sweep, kind, kind, GOOD_PAGES);
	while ((copy = sweep_next(copy, T_SIDE(side))) != NULL) {
		struct t_trial *trial = &sweep.trial;

		sweep_begin(&sweep, copy);
		if (side == MCSAFE_SIDE_SOURCE)
			try_lengths(&sweep, &trial->src_distance, &trial->dst_distance);
		else
			try_lengths(&sweep, &trial->dst_distance, &trial->src_distance);
		sweep_end(&sweep);
	}
	sweep_close(&sweep);
}

static void test_a_bad_source_page_behind_good_ones(void **state)
{
	(void)state;
	try_side(MCSAFE_SIDE_SOURCE);
}

static void test_a_bad_destination_page_behind_good_ones(void **state)
{
	(void)state;
	try_side(MCSAFE_SIDE_DESTINATION);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_bad_source_page_behind_good_ones),
		cmocka_unit_test(test_a_bad_destination_page_behind_good_ones),
	};

	return t_run("copy.long", tests, T_LENGTH(tests));
}
