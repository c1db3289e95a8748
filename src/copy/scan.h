/* SPDX-License-Identifier: BSD-3-Clause */
/* scan.h - the routines of asm/x86_64/scan_sse2.S, as C sees them */
#ifndef MCSAFE_SRC_SCAN_H
#define MCSAFE_SRC_SCAN_H

#include <stddef.h>

#include "landing/landing.h"

/* The first difference of two operands. */
struct mcsafe__difference {
	size_t left; /* bytes from the difference to the end; 0 if there is no difference */
	int order;   /* has no meaning if there is no difference */
};

/* The operand of the load that failed. The facts hold it in the place of the kind. */
#define MCSAFE__OPERAND_A MCSAFE_ROW_LOAD
#define MCSAFE__OPERAND_B 2

/* Each routine writes *landing if a load fails, and only then. landing->facts is not 0 then. */
size_t mcsafe__find_byte(const void *p, int c, size_t n, struct mcsafe__landing *landing);
struct mcsafe__difference mcsafe__find_difference(const void *a, const void *b, size_t n,
						  struct mcsafe__landing *landing);

#endif /* MCSAFE_SRC_SCAN_H */
