/* SPDX-License-Identifier: BSD-3-Clause */
/* trial.h - one copy between two regions, and everything that must be true of it */
#ifndef MCSAFE_TESTS_TRIAL_H
#define MCSAFE_TESTS_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "copies.h"
#include "region.h"
#include "state.h"

/* Bytes before and after a destination that are looked at. */
#define T_RED_ZONE 64

/* The source holds t_data() and the destination t_fill(), by t_region_fill(). */
struct t_trial {
	const struct t_copy *copy;
	struct t_region *src;
	struct t_region *dst;
	ptrdiff_t src_distance; /* bytes from the operand's start to the region's first bad byte */
	ptrdiff_t dst_distance;
	size_t n;

	bool witnessed;     /* the witness runs: count the signals too */
	bool machine_check; /* the copy itself consumes the poison: it may fall short a little */
	struct t_state *state;
};

/* What happened, for tests that ask for more than t_trial_run() does. */
struct t_result {
	size_t left;
	size_t expected_left;
	enum mcsafe_side side; /* that should be at fault */
	uintptr_t ip;          /* of the record; 0 if none was written */
};

/*
 * Does the copy and restores the destination. NULL if all is right: the count, the record, the
 * bytes before and after, the source, the signals, and the state of the caller; else what is wrong
 * first, in a text that lives until the thread's next trial.
 */
const char *t_trial_run(const struct t_trial *trial, struct t_result *result);

/* t_trial_run() that fails the running test, with the trial written out. */
struct t_result t_trial_check(const struct t_trial *trial);

/* Writes the trial out into text. */
void t_trial_describe(const struct t_trial *trial, char *text, size_t size);

#endif /* MCSAFE_TESTS_TRIAL_H */
