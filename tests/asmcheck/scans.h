/* SPDX-License-Identifier: BSD-3-Clause */
/* scans.h - the checks of asmcheck for scans: each returns what is wrong, or NULL */
#ifndef MCSAFE_TESTS_SCANS_H
#define MCSAFE_TESTS_SCANS_H

#include "asm/routines.h"
#include "asmcheck.h"

struct scan {
	const char *name;
	void (*fn)(void); /* of type mcsafe__scan_fn, or is_strnlen */
	bool is_strnlen;  /* it has the arguments of mcsafe_strnlen() */
	bool is_entry;    /* it is an entry point, not a routine */
	struct mcsafe__routine is;
};

/* The routines of asm/engines.def, and the entry points. */
extern const struct scan scans[];
extern const size_t n_scans;

/* Results, and the caller's state, in good memory. */
const char *check_scan_right(const struct scan *scan, struct t_rng *rng);

/*
 * Raises a fault at every row that many times, with and without a record. The byte that is searched
 * is in the bytes before those that were lost, in the lost ones, or nowhere.
 */
const char *check_scan_rows(const struct scan *scan, size_t times, size_t *n_rows);

/*
 * Where each load goes: not across a cache line, and not into a line that holds no byte of the
 * operand up to the answer. A load counts as all bytes of its operand, whatever its mask is.
 * Nothing but the result is written.
 */
const char *check_scan_lines(const struct scan *scan, struct t_rng *rng, bool full,
			     struct tally *tally);

#endif /* MCSAFE_TESTS_SCANS_H */
