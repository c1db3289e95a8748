/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plan.h - what of a mapping is replaced, and why it was lost
 *
 * These functions allocate nothing, and need no lock.
 */
#ifndef MCSAFE_TOOLS_RUN_PLAN_H
#define MCSAFE_TOOLS_RUN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mcsafe/explain.h>

#include "run/mapping.h"

struct plan {
	uintptr_t start, end;
	enum mcsafe_reason reason;
};

/* Plan for poison: the kernel names its size by si_addr_lsb. */
struct plan plan_poison(const struct mcsafe__vma *vma, uintptr_t page, unsigned shift);

/* Plan for a page of a file that cannot be had. */
struct plan plan_file(const struct mcsafe__vma *vma, uintptr_t page, const struct mapped_file *file,
		      bool has_mirror);

/* Shrink the plan to one page of the mapping. */
void plan_one_page(struct plan *plan, const struct mcsafe__vma *vma, uintptr_t page);

/* A part of the mirror that could not be read. */
struct mirror_error {
	int error; /* 0: there was none */
	uint64_t at;
};

/*
 * Fill the plan from the mirror. `bytes` has room for all of it, and holds zeros. If the mirror has
 * a part only, only this part is replaced, and the rest is met later: the report must not say that
 * the mirror stood in where it has nothing. False: zeros stand in.
 */
bool plan_fill(struct plan *plan, const struct mcsafe__vma *vma, uintptr_t page, int mirror,
	       char *bytes, struct mirror_error *error);

#endif /* MCSAFE_TOOLS_RUN_PLAN_H */
