/* SPDX-License-Identifier: BSD-3-Clause */
/* asmcheck.h - the checks of asmcheck: each returns what is wrong with a routine, or NULL */
#ifndef MCSAFE_TESTS_ASMCHECK_H
#define MCSAFE_TESTS_ASMCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mcsafe/fault.h>

#include "copies.h"
#include "rng.h"

/* Formats the complaint of a check like printf(3). The text is valid until the next complaint. */
const char *complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A record that no function has written to since mark_untouched(). */
void mark_untouched(struct mcsafe_fault *fault);
bool is_untouched(const struct mcsafe_fault *fault);

/* Results, and the caller's state, in good memory. */
const char *check_right(const struct t_copy *copy);

/*
 * Where each access goes. No load crosses a cache line. No load is in a line without a byte of the
 * source. No store writes a byte outside the destination. Checks the whole grid of n in 0..512 and
 * 64 offsets of source and destination, or a sample of it, and a sample of larger n.
 */
struct tally {
	size_t runs;
	size_t accesses;
	size_t steps; /* single steps, in runs that were made both ways */
};
const char *check_lines(const struct t_copy *copy, struct t_rng *rng, bool full,
			struct tally *tally);

/*
 * Raises a fault at every row that many times, in runs of different lengths and alignments. Checks
 * the result, the record, memory, the signals and the caller's state.
 */
const char *check_rows(const struct t_copy *copy, size_t times, size_t *n_rows);

void bench(void);

/* From now on the processor appears to lack these features: MCSAFE__CPU_*. */
void mask_features(unsigned features);

#endif /* MCSAFE_TESTS_ASMCHECK_H */
