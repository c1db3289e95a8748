/* SPDX-License-Identifier: BSD-3-Clause */
/* page.h - sizes of pages and cache lines, and arithmetic with them */
#ifndef MCSAFE_SRC_BASE_PAGE_H
#define MCSAFE_SRC_BASE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MCSAFE__PAGE_SHIFT 12

/* A page: the smallest part of a mapping that fails. */
#define MCSAFE__PAGE ((size_t)1 << MCSAFE__PAGE_SHIFT)

/* A cache line: what a processor loads at once. */
#define MCSAFE__LINE ((size_t)64)

/* n rounded up or down to a multiple of unit, a power of two. Rounding up must not overflow. */
static inline size_t mcsafe__up(size_t n, size_t unit)
{
	return (n + (unit - 1)) & ~(unit - 1);
}

static inline size_t mcsafe__down(size_t n, size_t unit)
{
	return n & ~(unit - 1);
}

/* Whether [start, start + n) goes past the end of the address space. No such range is memory. */
static inline bool mcsafe__wraps(uintptr_t start, size_t n)
{
	return n > UINTPTR_MAX - start;
}

#endif /* MCSAFE_SRC_BASE_PAGE_H */
