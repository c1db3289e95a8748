/* SPDX-License-Identifier: BSD-3-Clause */
/* compares.h - the checks of asmcheck for comparisons: each returns what is wrong, or NULL */
#ifndef MCSAFE_TESTS_COMPARES_H
#define MCSAFE_TESTS_COMPARES_H

#include "asm/routines.h"
#include "asmcheck.h"

struct comparison {
	const char *name;
	mcsafe__compare_fn *fn;
	bool is_entry; /* it is an entry point, not a routine */
	struct mcsafe__routine is;
};

/* The routines of asm/engines.def, and the entry point. */
extern const struct comparison comparisons[];
extern const size_t n_comparisons;

/* Results, and the caller's state, in good memory. */
const char *check_comparison_right(const struct comparison *comparison, struct t_rng *rng);

/*
 * Raises a fault at every row that many times. The other operand stays or is lost at the same
 * moment, and bytes before the lost ones differ or not.
 */
const char *check_comparison_rows(const struct comparison *comparison, size_t times,
				  size_t *n_rows);

/*
 * Where each load goes: not across a cache line, not into a line without a byte of its operand, and
 * not to a place 128 bytes or more past the first difference. A load counts as all bytes of its
 * operand, whatever its mask is. Nothing but the result is written.
 */
const char *check_comparison_lines(const struct comparison *comparison, struct t_rng *rng,
				   bool full, struct tally *tally);

#endif /* MCSAFE_TESTS_COMPARES_H */
