/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * counters.h - how often things have happened in this process
 *
 * Counters are added to where something rare has happened: never on the way of an access that
 * succeeds. They are all atomic, so handlers and threads may add to them at any time. A child of
 * fork(2) begins with those of its parent.
 */
#ifndef MCSAFE_SRC_BASE_COUNTERS_H
#define MCSAFE_SRC_BASE_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#define MCSAFE__CAUSES 8 /* enum mcsafe_cause has fewer values */
#define MCSAFE__SIDES  3 /* of enum mcsafe_side */

struct mcsafe__counters {
	_Atomic uint64_t landed[MCSAFE__CAUSES][MCSAFE__SIDES]; /* faults at rows */
	_Atomic uint64_t guards;                                /* guards that a fault has left */
	_Atomic uint64_t shields;   /* pages that a stand-in has replaced */
	_Atomic uint64_t notices;   /* notices taken */
	_Atomic uint64_t passed_on; /* signals that were not ours */
	_Atomic uint64_t refused;   /* ranges that wrap around */
	_Atomic uint64_t
		known_bad; /* accesses that stopped before memory that is known to be bad */
	_Atomic uint64_t ranges_noted; /* ranges that a mapping has learnt to be bad */
	_Atomic uint64_t repairs;      /* ranges that were repaired */
	_Atomic uint64_t carried;      /* pages of a stand-in with the bytes of the file */
	_Atomic uint64_t no_stand_in;  /* stand-ins that the kernel has refused */
	_Atomic uint64_t near_limit;   /* stand-ins when few mappings were left */
};

extern struct mcsafe__counters mcsafe__counters;

/* Add 1. AS-Safe. The benchmark measures what it costs: there a copy of the handler does not. */
static inline void mcsafe__count(_Atomic uint64_t *counter)
{
#ifndef MCSAFE__UNCOUNTED
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
#else
	(void)counter;
#endif
}

#endif /* MCSAFE_SRC_BASE_COUNTERS_H */
