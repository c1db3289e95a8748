/* SPDX-License-Identifier: BSD-3-Clause */
/* sweep.h - what the sweeps over kinds of faults have in common */
#ifndef MCSAFE_TESTS_SWEEP_H
#define MCSAFE_TESTS_SWEEP_H

#include <stddef.h>

#include "cmocka_all.h"
#include "copies.h"
#include "fault_kind.h"
#include "region.h"
#include "trial.h"

/* Lengths around the phases of every engine: single bytes, words, vectors, unrolled steps. */
extern const size_t sweep_lengths[];
extern const size_t sweep_n_lengths;

#define SWEEP_LONGEST 258

/* Every distance from an operand to its first bad byte. Below 0: it begins after that byte. */
#define SWEEP_FARTHEST 129
ptrdiff_t sweep_nearest(const struct t_fault_kind *kind);
ptrdiff_t sweep_farthest(const struct t_fault_kind *kind);

/*
 * The next copy that this processor can run. NULL asks for the first one, and is returned after the
 * last one. sides: the sides that will be bad. If the source is one of them, copies without a
 * source are left out.
 */
const struct t_copy *sweep_next(const struct t_copy *copy, unsigned sides);

/*
 * Alignments to a cache line of the operand that is good: all for an engine, fewer for an entry
 * point, which calls an engine, and 1 if there is no other operand.
 */
size_t sweep_alignments(const struct t_copy *copy);
ptrdiff_t sweep_good_distance(size_t alignment);

struct sweep {
	struct t_region src;
	struct t_region dst;
	struct t_state state;
	struct t_trial trial; /* the caller sets the copy, the distances and the length */
	size_t copies;
	size_t faults;
	size_t stride; /* one trial in that many is done */
	size_t least_stride;
	size_t first; /* the turn of the first trial */
	size_t turn;
};

/*
 * Installs libmcsafe, and opens the regions. Each has that many good pages, and one more bad page
 * than that. Skips the test if the kernel cannot do a kind.
 */
void sweep_open(struct sweep *sweep, const struct t_fault_kind *src, const struct t_fault_kind *dst,
		size_t good_pages);

/*
 * sweep_begin() sets the copy of the next trials. Engines run with the witness. Entry points run
 * with the library's handler on top, as in a program. sweep_once() does one trial, or leaves it out
 * if the kernel would log them all.
 */
void sweep_begin(struct sweep *sweep, const struct t_copy *copy);
void sweep_once(struct sweep *sweep);
void sweep_end(struct sweep *sweep);

void sweep_close(struct sweep *sweep);

/* The kinds of one test. */
struct sweep_case {
	const struct t_fault_kind *src;
	const struct t_fault_kind *dst;
	size_t first; /* the turn of its first trial */
	char name[64];
};

#define SWEEP_CASES 64

/*
 * One trial in that many of a case is done. A prime, as for t_part(). Each kind begins at another
 * trial, and at least that many kinds of either side have the same distances. So each run tries
 * each distance, alignment and length, with one kind or another.
 */
#define SWEEP_PART 5

/* sweep_open() for a case, of which only the part above is done. */
void sweep_open_case(struct sweep *sweep, const struct sweep_case *kinds);

/*
 * Runs test once for each combination of kinds that are bad on those sides. The test finds its
 * struct sweep_case in *state. The other side gets a bad page that the copies must not reach. One
 * trial in five is done, or with a sanitizer one in eleven; with MCSAFE_FULL=1 all of them. Returns
 * the exit status for the program.
 */
int sweep_run(const char *group, unsigned sides, void (*test)(void **state));

/* All copies, distances, alignments and lengths, with that side bad. */
void sweep_side(const struct sweep_case *kinds, enum mcsafe_side side);

#endif /* MCSAFE_TESTS_SWEEP_H */
