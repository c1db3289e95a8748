/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flush_clflush.S - write cache lines back with CLFLUSH; the line leaves the cache, and each flush waits for the one before
 *
 *	size_t mcsafe__flush_clflush(const void *addr, size_t n, struct mcsafe__landing *landing);
 *
 * See flush.h, which is all of it.
 *
 * Needs	CLFLUSH (CPUID leaf 1, EDX bit 19: every x86-64)
 */
#include "flush.h"

flush_function mcsafe__flush_clflush, clflush
