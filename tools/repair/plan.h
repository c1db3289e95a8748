/* SPDX-License-Identifier: BSD-3-Clause */
/* plan.h - what a repair writes where, and what came of it */
#ifndef MCSAFE_TOOLS_PLAN_H
#define MCSAFE_TOOLS_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include <mcsafe/badblocks.h>

#include "common/target.h"

/* A range that was not repaired, and why. */
struct refusal {
	struct mcsafe_range range;
	const char *reason;
};

struct plan {
	struct target *target;
	struct target *mirror;        /* NULL: zeros */
	struct mcsafe_badblocks *bad; /* the ranges to repair; of the target's registry or fewer */
	struct mcsafe_badblocks *repaired;
	struct refusal *refused;
	size_t nrefused;
};

/*
 * Repair all ranges of the plan. Only their bytes get new data. A page is written as a whole, so
 * its good bytes are read before, and are written again.
 */
void plan_run(struct plan *plan);

#endif /* MCSAFE_TOOLS_PLAN_H */
