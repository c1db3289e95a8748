/* SPDX-License-Identifier: BSD-3-Clause */
/* scan.h - the comparison of asm/x86_64/scan_sse2.S, as C sees it */
#ifndef MCSAFE_SRC_SCAN_H
#define MCSAFE_SRC_SCAN_H

#include <stddef.h>

#include <mcsafe/extable.h>
#include <mcsafe/fault.h>

/* The first difference of two operands. */
struct mcsafe__difference {
	size_t left; /* bytes from the difference to the end; 0 if there is no difference */
	int order;   /* has no meaning if there is no difference */
};

/* The operand of the load that failed. The record of mcsafe__find_difference() names it in the
 * place of the side. */
#define MCSAFE__OPERAND_A MCSAFE_SIDE_SOURCE
#define MCSAFE__OPERAND_B MCSAFE_SIDE_DESTINATION

/* It writes *fault if a load fails, and only then. fault->cause is not NONE then. */
struct mcsafe__difference mcsafe__find_difference(const void *a, const void *b, size_t n,
						  struct mcsafe_fault *fault);

#endif /* MCSAFE_SRC_SCAN_H */
