/* SPDX-License-Identifier: BSD-3-Clause */
/* loss.c - which memory is lost where an access stopped */
#include "loss.h"

#include "base/page.h"

/* A copy by vectors or words stops less than 8 bytes before the line that is bad. */
#define SHORT_BY 7

/* How many good bytes may lie between where an access stopped and the memory that is bad. A page
 * fault leaves none: the access stops at the very byte. */
static size_t short_by(const struct mcsafe_fault *fault)
{
	if (fault->side != MCSAFE_SIDE_SOURCE ||
	    (fault->cause != MCSAFE_CAUSE_POISON && fault->cause != MCSAFE_CAUSE_UNKNOWN))
		return 0;
	return fault->flags & MCSAFE_FAULT_MAY_FALL_SHORT ? MCSAFE__PAGE : SHORT_BY;
}

struct mcsafe__loss mcsafe__loss_at(const struct mcsafe_fault *fault, uintptr_t at, size_t n,
				    size_t granule)
{
	size_t most = short_by(fault), rest;
	struct mcsafe__loss loss = {.start = mcsafe__down((uintptr_t)fault->addr, granule),
				    .len = granule};

	if (fault->cause == MCSAFE_CAUSE_ADDRESS)
		return (struct mcsafe__loss){.start = at, .len = n};
	/* The address counts if its granule is in reach. Otherwise it is in another mapping. */
	if (loss.start > at ? loss.start - at <= most && loss.start - at < n
			    : at - loss.start < granule)
		return loss;
	loss.start = mcsafe__down(at, granule);
	rest = loss.start + granule - at;
	loss.may_be_next = rest <= most && rest < n;
	return loss;
}
