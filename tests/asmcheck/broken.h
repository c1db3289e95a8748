/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * broken.h - copies that are each broken in one way, and a good one; asmcheck must distinguish them
 */
#ifndef MCSAFE_TESTS_BROKEN_H
#define MCSAFE_TESTS_BROKEN_H

#include "copies.h"

enum part { RIGHT, ROWS, LINES };

struct broken {
	struct t_copy copy;
	enum part part;
	const char *said; /* part of the expected complaint; NULL: no complaint */
};

extern const struct broken broken[];
extern const size_t broken_n;

#endif /* MCSAFE_TESTS_BROKEN_H */
