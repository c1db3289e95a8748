/* SPDX-License-Identifier: BSD-3-Clause */
/* scan.h - the routines of asm/x86_64/scan_sse2.S, as C sees them */
#ifndef MCSAFE_SRC_SCAN_H
#define MCSAFE_SRC_SCAN_H

#include <stddef.h>

#include "landing/landing.h"

/* What is left from the first difference on, 0 if there is none, and then no order. */
struct mcsafe__difference {
	size_t left;
	int order;
};

/* Which operand a load that failed was of, in the place of the kind in the facts. */
#define MCSAFE__OPERAND_A MCSAFE_ROW_LOAD
#define MCSAFE__OPERAND_B 2

/* Each writes *landing if, and only if, a load has failed; facts is never 0 then. */
size_t mcsafe__find_byte(const void *p, int c, size_t n, struct mcsafe__landing *landing);
struct mcsafe__difference mcsafe__find_difference(const void *a, const void *b, size_t n,
						  struct mcsafe__landing *landing);

#endif /* MCSAFE_SRC_SCAN_H */
