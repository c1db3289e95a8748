/* SPDX-License-Identifier: BSD-3-Clause */
/* sweep.c - what the sweeps over kinds of faults have in common */
#include "sweep.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mcsafe/engine.h>

#include "copy/route.h"
#include "pattern.h"
#include "run.h"
#include "tool.h"
#include "witness.h"

const size_t sweep_lengths[] = {
	1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14,  15,  16,  17,  18,  19,  20,  21,
	22, 23, 24, 31, 32, 33, 47, 48, 49, 63, 64, 65, 66, 127, 128, 129, 130, 255, 256, 257, 258,
};
const size_t sweep_n_lengths = T_LENGTH(sweep_lengths);

/* If a kind has no good bytes, the operand starts 0 to 63 bytes after the first bad byte. */
ptrdiff_t sweep_nearest(const struct t_fault_kind *kind)
{
	return kind->mapped ? -9 : -63;
}

ptrdiff_t sweep_farthest(const struct t_fault_kind *kind)
{
	return kind->mapped ? SWEEP_FARTHEST : 0;
}

const struct t_copy *sweep_next(const struct t_copy *copy, unsigned sides)
{
	for (copy = copy == NULL ? t_copies : copy + 1; copy < t_copies + t_n_copies; copy++) {
		if (!t_copy_is_possible(copy))
			print_message("left out, see copy.rows: %s\n", copy->name);
		else if (copy->work == T_COPIES || !(sides & T_SIDE(MCSAFE_SIDE_SOURCE)))
			return copy;
	}
	return NULL;
}

size_t sweep_alignments(const struct t_copy *copy)
{
	if (copy->work != T_COPIES)
		return 1;
	return t_copy_is_engine(copy) ? 64 : 8;
}

/* So far from the bad page, and from the start of the good page, that no red zone reaches it. */
ptrdiff_t sweep_good_distance(size_t alignment)
{
	return (ptrdiff_t)(T_PAGE / 2 - alignment);
}

static void open_part(struct sweep *sweep, const struct t_fault_kind *src,
		      const struct t_fault_kind *dst, size_t good_pages, size_t part)
{
	const char *unsupported;

	memset(sweep, 0, sizeof(*sweep));
	sweep->least_stride = t_part(part, 11, 499);
	t_install();
	t_state_init(&sweep->state);
	/* That many bad pages that no copy reaches their end, not even one that can flush them. */
	t_region_need(&sweep->src, src, good_pages, good_pages + 1);
	unsupported = t_region_open(&sweep->dst, dst, good_pages, good_pages + 1);
	if (unsupported != NULL) {
		t_region_close(&sweep->src);
		t_skip("%s: %s", dst->name, unsupported);
	}
	t_region_fill(&sweep->src, t_data);
	t_region_fill(&sweep->dst, t_fill);
	sweep->trial.src = &sweep->src;
	sweep->trial.dst = &sweep->dst;
	sweep->trial.state = &sweep->state;
}

void sweep_open(struct sweep *sweep, const struct t_fault_kind *src, const struct t_fault_kind *dst,
		size_t good_pages)
{
	open_part(sweep, src, dst, good_pages, 1);
}

void sweep_open_case(struct sweep *sweep, const struct sweep_case *kinds)
{
	open_part(sweep, kinds->src, kinds->dst, 1, SWEEP_PART);
	sweep->first = kinds->first;
}

/*
 * A kernel with CONFIG_MEMORY_FAILURE logs a line for every access to poison, so only one trial in
 * that many is done. It is a prime, so that every distance, alignment and length has its turn.
 */
#define LOGGED_STRIDE 101

static bool is_logged(const struct t_region *region)
{
	return region->load.signo == SIGBUS && region->load.code == BUS_MCEERR_AR;
}

void sweep_begin(struct sweep *sweep, const struct t_copy *copy)
{
	bool logged = is_logged(&sweep->src) || is_logged(&sweep->dst);

	sweep->stride = sweep->least_stride;
	if (logged && sweep->stride < LOGGED_STRIDE)
		sweep->stride = LOGGED_STRIDE;
	sweep->turn = sweep->first;
	sweep->trial.copy = copy;
	sweep->trial.witnessed = t_copy_is_engine(copy);
	if (sweep->trial.witnessed)
		t_witness_start();
	sweep->copies = 0;
	sweep->faults = 0;
}

void sweep_once(struct sweep *sweep)
{
	if (sweep->turn++ % sweep->stride != 0)
		return;
	sweep->copies++;
	sweep->faults += t_trial_check(&sweep->trial) != 0;
}

void sweep_end(struct sweep *sweep)
{
	if (sweep->trial.witnessed)
		t_witness_stop();
	print_message("%s, source %s, destination %s: %zu copies, %zu of them stopped%s\n",
		      sweep->trial.copy->name, sweep->src.kind->name, sweep->dst.kind->name,
		      sweep->copies, sweep->faults,
		      sweep->stride == LOGGED_STRIDE
			      ? "; thinned out, for the kernel logs each fault"
			      : "");
}

void sweep_close(struct sweep *sweep)
{
	t_region_close(&sweep->src);
	t_region_close(&sweep->dst);
}

/* The kinds to try on one side. Returns how many they are. */
static size_t kinds_of(const struct t_fault_kind **kinds, unsigned sides, enum mcsafe_side side)
{
	size_t n = 0;

	if (!(sides & T_SIDE(side))) {
		kinds[0] = t_fault_kind("prot_none");
		return 1;
	}
	for (size_t i = 0; i < t_n_fault_kinds; i++)
		if (t_fault_kinds[i].sides & T_SIDE(side))
			kinds[n++] = &t_fault_kinds[i];
	return n;
}

static void name_case(struct sweep_case *sweep_case, unsigned sides)
{
	int source = (sides & T_SIDE(MCSAFE_SIDE_SOURCE)) != 0;
	int destination = (sides & T_SIDE(MCSAFE_SIDE_DESTINATION)) != 0;

	snprintf(sweep_case->name, sizeof(sweep_case->name), "%s%s%s%s%s", source ? "source " : "",
		 source ? sweep_case->src->name : "", source && destination ? ", " : "",
		 destination ? "destination " : "", destination ? sweep_case->dst->name : "");
}

int sweep_run(const char *group, unsigned sides, void (*test)(void **state))
{
	static struct sweep_case cases[SWEEP_CASES];
	static struct CMUnitTest tests[SWEEP_CASES];
	const struct t_fault_kind *src[SWEEP_CASES], *dst[SWEEP_CASES];
	size_t n_src = kinds_of(src, sides, MCSAFE_SIDE_SOURCE);
	size_t n_dst = kinds_of(dst, sides, MCSAFE_SIDE_DESTINATION);
	size_t n = n_src * n_dst;

	if (n > SWEEP_CASES)
		abort();
	for (size_t i = 0; i < n; i++) {
		cases[i].src = src[i / n_dst];
		cases[i].dst = dst[i % n_dst];
		cases[i].first = i / n_dst + i % n_dst;
		name_case(&cases[i], sides);
		tests[i].name = cases[i].name;
		tests[i].test_func = test;
		tests[i].initial_state = &cases[i];
	}
	return t_run(group, tests, n);
}

static void sweep_distance(struct sweep *sweep, ptrdiff_t *good_distance)
{
	for (size_t alignment = 0; alignment < sweep_alignments(sweep->trial.copy); alignment++) {
		*good_distance = sweep_good_distance(alignment);
		for (size_t i = 0; i < sweep_n_lengths; i++) {
			sweep->trial.n = sweep_lengths[i];
			sweep_once(sweep);
		}
	}
}

/* An entry point uses each engine in turn; with MCSAFE_FULL=1 every engine at each distance. */
static void sweep_copy(struct sweep *sweep, ptrdiff_t *bad_distance, ptrdiff_t *good_distance,
		       const struct t_fault_kind *kind)
{
	size_t n_engines = t_copy_is_engine(sweep->trial.copy) ? 1 : mcsafe__n_engines;
	const char *full = getenv("MCSAFE_FULL");
	bool every_one = full != NULL && strcmp(full, "1") == 0;

	for (ptrdiff_t d = sweep_nearest(kind); d <= sweep_farthest(kind); d++) {
		*bad_distance = d;
		for (size_t i = 0; i < n_engines; i++) {
			if (n_engines > 1) {
				if (!every_one && (size_t)(d + SWEEP_FARTHEST) % n_engines != i)
					continue;
				/* If an engine cannot run here, the best one takes its place. */
				if (t_tool_cannot(mcsafe__engines[i].name) ||
				    mcsafe_engine_set(mcsafe__engines[i].name) != 0)
					assert_int_equal(mcsafe_engine_set(NULL), 0);
			}
			sweep_distance(sweep, good_distance);
		}
	}
	assert_int_equal(mcsafe_engine_set(NULL), 0);
}

void sweep_side(const struct sweep_case *kinds, enum mcsafe_side side)
{
	const struct t_copy *copy = NULL;
	struct sweep sweep;

	sweep_open_case(&sweep, kinds);
	while ((copy = sweep_next(copy, T_SIDE(side))) != NULL) {
		struct t_trial *trial = &sweep.trial;

		sweep_begin(&sweep, copy);
		if (side == MCSAFE_SIDE_SOURCE)
			sweep_copy(&sweep, &trial->src_distance, &trial->dst_distance, kinds->src);
		else
			sweep_copy(&sweep, &trial->dst_distance, &trial->src_distance, kinds->dst);
		sweep_end(&sweep);
	}
	sweep_close(&sweep);
}
