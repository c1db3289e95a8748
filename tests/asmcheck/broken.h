/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * broken.h - copies, scans and comparisons that are each broken in one way, and a good one of each;
 * asmcheck must distinguish them
 */
#ifndef MCSAFE_TESTS_BROKEN_H
#define MCSAFE_TESTS_BROKEN_H

#include "compares.h"
#include "copies.h"
#include "scans.h"

enum part { RIGHT, ROWS, LINES };

struct broken {
	struct t_copy copy;
	enum part part;
	const char *said; /* part of the expected complaint; NULL: no complaint */
};

extern const struct broken broken[];
extern const size_t broken_n;

struct broken_scan {
	struct scan scan;
	enum part part;
	const char *said;
};

extern const struct broken_scan broken_scans[];
extern const size_t broken_scans_n;

struct broken_comparison {
	struct comparison comparison;
	enum part part;
	const char *said;
};

extern const struct broken_comparison broken_comparisons[];
extern const size_t broken_comparisons_n;

#endif /* MCSAFE_TESTS_BROKEN_H */
