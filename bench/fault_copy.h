/* SPDX-License-Identifier: BSD-3-Clause */
/* fault_copy.h - a copy of the library that the benchmark opens, and that hides everything else */
#ifndef MCSAFE_BENCH_FAULT_COPY_H
#define MCSAFE_BENCH_FAULT_COPY_H

#include <stddef.h>

#include <mcsafe/mcsafe.h>

struct fault_copy {
	int (*install)(void);
	size_t (*copy)(void *dst, const void *src, size_t n, struct mcsafe_fault *fault);
	void (*count)(struct mcsafe_stats *stats);
};

/* The one symbol of such a copy. */
extern const struct fault_copy fault_copy;

#endif /* MCSAFE_BENCH_FAULT_COPY_H */
