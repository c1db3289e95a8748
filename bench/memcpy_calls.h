/* SPDX-License-Identifier: BSD-3-Clause */
/* memcpy_calls.h - the copies that several parts measure */
#ifndef MCSAFE_BENCH_MEMCPY_CALLS_H
#define MCSAFE_BENCH_MEMCPY_CALLS_H

#include <string.h>

#include <mcsafe/mcsafe.h>

#include "work.h"

ALWAYS_INLINE uintptr_t by_memcpy(unsigned char *dst, const unsigned char *src, size_t n)
{
	return (uintptr_t)memcpy(dst, src, n);
}

ALWAYS_INLINE uintptr_t by_memcpy_mcsafe(unsigned char *dst, const unsigned char *src, size_t n)
{
	return memcpy_mcsafe(dst, src, n);
}

/* With a record. */
ALWAYS_INLINE uintptr_t by_mcsafe_memcpy(unsigned char *dst, const unsigned char *src, size_t n)
{
	struct mcsafe_fault record;

	return mcsafe_memcpy(dst, src, n, &record);
}

#endif /* MCSAFE_BENCH_MEMCPY_CALLS_H */
