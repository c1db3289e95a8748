/* SPDX-License-Identifier: BSD-3-Clause */
/* fault.h - turn the values that the handler has given to a fixup into the public fault record */
#ifndef MCSAFE_SRC_FAULT_H
#define MCSAFE_SRC_FAULT_H

#include <mcsafe/fault.h>

#include "landing.h"

/*
 * Write *fault from these values. operand is the first byte that was not accessed: its address is
 * reported if the kernel gave none. Every assembly function that a fault stops calls this
 * (asm/x86_64/stop.S).
 */
void mcsafe__fault_from_landing(struct mcsafe_fault *fault, const struct mcsafe__landing *landing,
				const void *operand);

/* The same, but fault may be NULL. Returns why the access failed. */
enum mcsafe_cause mcsafe__cause_from_landing(struct mcsafe_fault *fault,
					     const struct mcsafe__landing *landing,
					     const void *operand);

/* Why an access failed. */
enum mcsafe_cause mcsafe__facts_cause(uint64_t facts);

/* Write *fault for a range that was refused because it wraps around: no signal, cause ADDRESS. */
void mcsafe__fault_refused(struct mcsafe_fault *fault, enum mcsafe_side side, const void *start);

#endif /* MCSAFE_SRC_FAULT_H */
