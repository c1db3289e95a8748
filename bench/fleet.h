/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fleet.h - lengths and alignments as programs of a large fleet have them
 *
 * The percentiles are those that Google published for all of its servers (fleetbench, libc
 * distributions). Lengths follow each other in an order that no branch predictor learns. That is
 * what decides the speed of short calls: the same length in a loop flatters every branch.
 */
#ifndef MCSAFE_BENCH_FLEET_H
#define MCSAFE_BENCH_FLEET_H

#include "work.h"

struct percentile {
	double part;    /* of all calls */
	uint32_t bytes; /* have at most this many */
};

/* Ascending; the last has part 1. */
extern const struct percentile fleet_memcpy[], fleet_memset[], fleet_memcmp[];

/* Operands that stay in the first-level cache, and in the second-level cache. */
enum fleet_cache { FLEET_FIRST_CACHE, FLEET_SECOND_CACHE, FLEET_CACHES };
extern const char *const fleet_cache_names[];

/* The places of as many calls as effort.fleet says. */
struct work fleet_begin(const struct percentile *lengths, enum fleet_cache cache);

/* Fills the source with strings of such lengths, and lets each place be one of the strings. */
void fleet_strings(struct work *work);

/* The usual run: calls from fleet_begin() in each cache, whose name begins with `where`. */
void fleet_run(const struct contest *contest, const char *part, const struct percentile *lengths,
	       const char *where, void (*prepare)(struct work *));

#endif /* MCSAFE_BENCH_FLEET_H */
