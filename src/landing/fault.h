/* SPDX-License-Identifier: BSD-3-Clause */
/* fault.h - turn what a fixup noted into the public fault record */
#ifndef MCSAFE_SRC_FAULT_H
#define MCSAFE_SRC_FAULT_H

#include <mcsafe/fault.h>

#include "landing.h"

/*
 * Write *fault from what the fixup noted; operand is the first byte that was not accessed, the
 * address that is reported where the kernel gave none.
 */
void mcsafe__fault_from_landing(struct mcsafe_fault *fault, const struct mcsafe__landing *landing,
				const void *operand);

/* Why an access failed. */
enum mcsafe_cause mcsafe__facts_cause(uint64_t facts);

/* Write *fault for a range that wraps around and was refused: no signal, cause ADDRESS. */
void mcsafe__fault_refused(struct mcsafe_fault *fault, enum mcsafe_side side, const void *start);

#endif /* MCSAFE_SRC_FAULT_H */
