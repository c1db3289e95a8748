/* SPDX-License-Identifier: BSD-3-Clause */
/* test_long.c - lengths around whole pages, and bad pages that come late */
#include "run.h"
#include "sweep.h"

#define GOOD_PAGES 6
#define LONGEST    4 /* pages */
#define AROUND     9 /* bytes less and more */

/* Bytes that are bad at the end of a copy: none, and around the phases of every engine. */
static const size_t cuts[] = {0, 1, 7, 8, 9, 16, 31, 33, 63, 64, 65, 129, 2048};

static void try_lengths(struct sweep *sweep, ptrdiff_t *bad, ptrdiff_t *good)
{
	for (size_t pages = 1; pages <= LONGEST; pages++)
		for (size_t n = pages * T_PAGE - AROUND; n <= pages * T_PAGE + AROUND; n++)
			for (size_t i = 0; i < T_LENGTH(cuts); i++)
				for (ptrdiff_t alignment = 0; alignment < 8; alignment++) {
					sweep->trial.n = n;
					*bad = (ptrdiff_t)(n - cuts[i]);
					*good = (ptrdiff_t)((LONGEST + 1) * T_PAGE) - alignment;
					sweep_once(sweep);
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
