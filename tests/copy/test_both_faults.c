/* SPDX-License-Identifier: BSD-3-Clause */
/* test_both_faults.c - both sides are bad: every pair of kinds and of distances */
#include "run.h"
#include "sweep.h"

#define BOTH_SIDES (T_SIDE(MCSAFE_SIDE_SOURCE) | T_SIDE(MCSAFE_SIDE_DESTINATION))

/* All distances for an engine. Every seventh for an entry point: all alignments have a turn. */
static ptrdiff_t step_of(const struct t_copy *copy)
{
	return t_copy_is_engine(copy) ? 1 : 7;
}

/* Up to the first bad byte, one more, and far beyond. */
static void try_lengths(struct sweep *sweep)
{
	struct t_trial *trial = &sweep->trial;
	ptrdiff_t nearest = trial->src_distance < trial->dst_distance ? trial->src_distance
								      : trial->dst_distance;
	size_t good = nearest > 0 ? (size_t)nearest : 0;
	size_t lengths[] = {good, good + 1, SWEEP_LONGEST};

	for (size_t i = 0; i < T_LENGTH(lengths); i++) {
		trial->n = lengths[i];
		sweep_once(sweep);
	}
}

static void try_distances(struct sweep *sweep)
{
	struct t_trial *trial = &sweep->trial;
	const struct t_fault_kind *src = trial->src->kind, *dst = trial->dst->kind;
	ptrdiff_t step = step_of(trial->copy);

	for (ptrdiff_t s = sweep_nearest(src); s <= sweep_farthest(src); s++) {
		trial->src_distance = s;
		for (ptrdiff_t d = sweep_nearest(dst); d <= sweep_farthest(dst); d += step) {
			trial->dst_distance = d;
			try_lengths(sweep);
		}
	}
}

static void test_stops_at_the_first_bad_byte_of_either(void **state)
{
	const struct sweep_case *kinds = *state;
	const struct t_copy *copy = NULL;
	struct sweep sweep;

	sweep_open_case(&sweep, kinds);
	while ((copy = sweep_next(copy, BOTH_SIDES)) != NULL) {
		sweep_begin(&sweep, copy);
		try_distances(&sweep);
		sweep_end(&sweep);
	}
	sweep_close(&sweep);
}

int main(void)
{
	return sweep_run("copy.both_faults", BOTH_SIDES,
			 test_stops_at_the_first_bad_byte_of_either);
}
