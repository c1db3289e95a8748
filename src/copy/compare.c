/* SPDX-License-Identifier: BSD-3-Clause */
/* compare.c - memcmp: ends in a jump to the routine of the engine in use */
#include <mcsafe/scan.h>

#include <stdatomic.h>
#include <stddef.h>

#include "asm/layout.h"
#include "base/msan.h"
#include "route.h"

_Static_assert(offsetof(struct mcsafe_comparison, equal) == MCSAFE_COMPARISON_EQUAL, "as in asm");
_Static_assert(offsetof(struct mcsafe_comparison, order) == MCSAFE_COMPARISON_ORDER, "as in asm");
_Static_assert(offsetof(struct mcsafe_comparison, failed) == MCSAFE_COMPARISON_FAILED, "as in asm");

/* Tell MemorySanitizer what the routine has written, and which bytes have decided. */
static inline enum mcsafe_cause compared(const void *a, const void *b,
					 struct mcsafe_comparison *result, unsigned cause)
{
	size_t decisive;

	mcsafe__msan_written(result, sizeof(*result));
	decisive = result->equal + (result->order != 0);
	mcsafe__msan_decided(result, sizeof(*result), a, decisive);
	mcsafe__msan_decided(result, sizeof(*result), b, decisive);
	return (enum mcsafe_cause)cause;
}

enum mcsafe_cause mcsafe_memcmp(const void *a, const void *b, size_t n,
				struct mcsafe_comparison *result, struct mcsafe_fault *fault)
{
	mcsafe__compare_fn *compare =
		atomic_load_explicit(&mcsafe__route.compare, memory_order_relaxed);

	return compared(a, b, result, compare(a, b, n, result, fault));
}
