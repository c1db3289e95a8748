/* SPDX-License-Identifier: BSD-3-Clause */
/* asmcheck.h - the checks of asmcheck; each tells what is wrong with a routine, or NULL */
#ifndef MCSAFE_TESTS_ASMCHECK_H
#define MCSAFE_TESTS_ASMCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "copies.h"
#include "rng.h"

/* What a check tells, written like printf(3); valid until the next one. */
const char *complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Results and the caller's state, in good memory. */
const char *check_right(const struct t_copy *copy);

/*
 * Where each access goes: no load crosses a cache line, none lies in a line without a byte of the
 * source, no store writes a byte outside the destination. For the whole grid of n in 0..512 and 64
 * offsets of source and destination, or a sample of it, and for a sample of larger n.
 */
struct tally {
	size_t runs;
	size_t accesses;
	size_t steps; /* single ones, in runs that were done both ways */
};
const char *check_lines(const struct t_copy *copy, struct t_rng *rng, bool full,
			struct tally *tally);

/*
 * A fault at every row, so many times in runs of different lengths and alignments: the result, the
 * record, memory, the signals and the caller's state.
 */
const char *check_rows(const struct t_copy *copy, size_t times, size_t *n_rows);

void bench(void);

/* The processor is to lack these features from now on: MCSAFE__CPU_*. */
void mask_features(unsigned features);

#endif /* MCSAFE_TESTS_ASMCHECK_H */
