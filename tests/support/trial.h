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

/*
 * The source holds t_data() and the destination t_fill(), by t_region_fill(). The bad pages must
 * stop the copy: a write-back, for example, passes pages that are read-only.
 */
struct t_trial {
	const struct t_copy *copy;
	struct t_region *src;
	struct t_region *dst;
	ptrdiff_t src_distance; /* bytes from the operand's start to the region's first bad byte */
	ptrdiff_t dst_distance;
	size_t n;

	bool witnessed; /* the witness runs: count the signals also */
	/* The copy itself consumes the poison: it may stop a little before it. */
	bool machine_check;
	struct t_state *state;
};

/*
 * Does the copy, and restores the destination. If left is not NULL, *left is what the copy
 * returned. Returns NULL if all is right: the count, the record, the bytes before and after the
 * destination, the source, the signals, and the state of the caller. Otherwise returns a text about
 * the first thing that is wrong; it is valid until the thread's next trial.
 */
const char *t_trial_run(const struct t_trial *trial, size_t *left);

/* t_trial_run(). Fails the running test with a description of the trial. Returns bytes left. */
size_t t_trial_check(const struct t_trial *trial);

/* Describes the trial in text. */
void t_trial_describe(const struct t_trial *trial, char *text, size_t size);

#endif /* MCSAFE_TESTS_TRIAL_H */
