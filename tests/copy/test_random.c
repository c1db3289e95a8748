/* SPDX-License-Identifier: BSD-3-Clause */
/* test_random.c - random kinds, distances, alignments and lengths, up to several pages */
#include "rng.h"
#include "run.h"
#include "sweep.h"
#include "tool.h"

#define ROUNDS     40   /* each with two kinds */
#define COPIES     5000 /* of each round */
#define GOOD_PAGES 4

static size_t copies;

/* Mostly near a bad page, where the interesting cases are. */
static ptrdiff_t draw_distance(struct t_rng *rng, const struct t_fault_kind *kind)
{
	size_t farthest = t_rng_below(rng, 4) == 0 ? GOOD_PAGES * T_PAGE : 300;

	return kind->mapped ? (ptrdiff_t)t_rng_below(rng, farthest + 1)
			    : -(ptrdiff_t)t_rng_below(rng, 64);
}

static size_t draw_length(struct t_rng *rng)
{
	size_t longest = t_rng_below(rng, 4) == 0 ? (GOOD_PAGES + 1) * T_PAGE : 300;

	return t_rng_below(rng, longest + 1);
}

static const struct t_fault_kind *draw_kind(struct t_rng *rng, enum mcsafe_side side)
{
	for (;;) {
		const struct t_fault_kind *kind = &t_fault_kinds[t_rng_below(rng, t_n_fault_kinds)];

		if (kind->sides & T_SIDE(side))
			return kind;
	}
}

static const struct t_copy *draw_copy(struct t_rng *rng)
{
	for (;;) {
		const struct t_copy *copy = &t_copies[t_rng_below(rng, t_n_copies)];

		if (t_copy_is_possible(copy))
			return copy;
	}
}

/* Skipped if this kernel cannot do the kinds of the round. */
static void test_round(void **state)
{
	struct t_rng *rng = *state;
	const struct t_fault_kind *src = draw_kind(rng, MCSAFE_SIDE_SOURCE);
	const struct t_fault_kind *dst = draw_kind(rng, MCSAFE_SIDE_DESTINATION);
	struct sweep sweep;

	sweep_open(&sweep, src, dst, GOOD_PAGES);
	sweep_begin(&sweep, draw_copy(rng));
	for (size_t i = 0; i < copies; i++) {
		sweep.trial.src_distance = draw_distance(rng, src);
		sweep.trial.dst_distance = draw_distance(rng, dst);
		sweep.trial.n = draw_length(rng);
		sweep_once(&sweep);
	}
	sweep_end(&sweep);
	sweep_close(&sweep);
}

int main(void)
{
	static struct t_rng rngs[ROUNDS];
	static struct CMUnitTest tests[ROUNDS];
	uint64_t seed = t_seed();

	for (size_t i = 0; i < ROUNDS; i++) {
		rngs[i] = t_rng_start(seed, i);
		tests[i].name = "a round of random copies";
		tests[i].test_func = test_round;
		tests[i].initial_state = &rngs[i];
	}
	copies = COPIES / t_stride(1, 40);
	return t_run("copy.random", tests, ROUNDS);
}
