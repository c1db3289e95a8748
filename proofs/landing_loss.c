/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * landing_loss.c
 *
 * function: mcsafe__loss_at
 * property: the loss holds the byte where the access stopped, or begins no further on than it may
 * loops: none
 * break: src/landing/loss.c s/at - loss.start < granule/at - loss.start <= granule/
 * break: src/landing/loss.c s/ && loss.start - at < n//
 * break: src/landing/loss.c s/loss.start = mcsafe__down(at, granule)/loss.start = at/
 */
#include "proof.h"

#include "../src/landing/loss.c"

void proof(void)
{
	struct mcsafe_fault fault; /* with any values */
	struct mcsafe__loss loss;
	uintptr_t at = nondet_u64();
	size_t n = nondet_size(), shift = nondet_size(), granule;

	SUPPOSE(n != 0 && n <= UINTPTR_MAX - at && shift >= 12 && shift <= 30);
	granule = (size_t)1 << shift;
	loss = mcsafe__loss_at(&fault, at, n, granule);
	if (fault.cause == MCSAFE_CAUSE_ADDRESS) {
		PROVE(loss.start == at && loss.len == n);
	} else {
		PROVE(loss.len == granule && (loss.start & (granule - 1)) == 0);
		if (loss.start > at)
			PROVE(loss.start - at < n && loss.start - at <= MCSAFE__PAGE &&
			      fault.side == MCSAFE_SIDE_SOURCE);
		else
			PROVE(at - loss.start < granule);
		if (loss.may_be_next)
			PROVE(fault.side == MCSAFE_SIDE_SOURCE && loss.start + granule - at < n);
	}
	END();
}
