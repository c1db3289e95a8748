/* SPDX-License-Identifier: BSD-3-Clause */
/* within.h - from addresses to ranges of the memory that a registry is about */
#ifndef MCSAFE_SRC_BADBLOCKS_WITHIN_H
#define MCSAFE_SRC_BADBLOCKS_WITHIN_H

#include <stddef.h>
#include <stdint.h>

#include <mcsafe/copy.h>

/* The part of [first, last] that is in [begin, end]. It counts from begin. Its length is 0 if there
 * is no such part. By their last bytes: a range may end where the address space does. */
static inline struct mcsafe_range mcsafe__part_within(uintptr_t begin, uintptr_t end,
						      uintptr_t first, uintptr_t last)
{
	if (last < begin || first > end)
		return (struct mcsafe_range){0, 0};
	if (first < begin)
		first = begin;
	if (last > end)
		last = end;
	return (struct mcsafe_range){first - begin, last - first + 1};
}

/* The part of [start, start + n), n > 0, that is in the len bytes at base, in the same way. */
static inline struct mcsafe_range mcsafe__range_within(const void *base, size_t len,
						       uintptr_t start, size_t n)
{
	uintptr_t begin = (uintptr_t)base;

	if (len == 0)
		return (struct mcsafe_range){0, 0};
	return mcsafe__part_within(begin, begin + (len - 1), start, start + (n - 1));
}

#endif /* MCSAFE_SRC_BADBLOCKS_WITHIN_H */
