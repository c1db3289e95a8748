/* SPDX-License-Identifier: BSD-3-Clause */
/* fault_kind.h - the kinds of bad memory that a program can make without privilege */
#ifndef MCSAFE_TESTS_FAULT_KIND_H
#define MCSAFE_TESTS_FAULT_KIND_H

#include <stdbool.h>
#include <stddef.h>

#include <mcsafe/fault.h>

#include "report.h"

struct t_region;

/* A set of sides. */
#define T_SIDE(side) (1u << (unsigned)(side))

struct t_fault_kind {
	const char *name;
	unsigned sides; /* on which sides of a copy such memory is bad */
	bool mapped;    /* good pages may come before the bad ones */
	bool in_file;   /* the pages belong to a file, region->fd */

	/*
	 * Makes [region->bad, region->bad_end) bad. A kind that is not mapped finds size bad bytes
	 * instead. Returns NULL, or the reason why this kernel cannot do it.
	 */
	const char *(*plant)(struct t_region *region, size_t size);

	/* The reports that are right. The list ends with signo 0. */
	struct t_report allowed[3];
};

extern const struct t_fault_kind t_fault_kinds[];
extern const size_t t_n_fault_kinds;

/* The kind of that name; a failure if there is none. */
const struct t_fault_kind *t_fault_kind(const char *name);

bool t_fault_kind_allows(const struct t_fault_kind *kind, const struct t_report *report);

#endif /* MCSAFE_TESTS_FAULT_KIND_H */
