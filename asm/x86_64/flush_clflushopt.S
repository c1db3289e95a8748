/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flush_clflushopt.S - write cache lines back with CLFLUSHOPT; the line leaves the cache
 *
 *	size_t mcsafe__flush_clflushopt(const void *addr, size_t n, struct mcsafe__landing *landing);
 *
 * See flush.h, which is all of it.
 *
 * Needs	CLFLUSHOPT (CPUID leaf 7, EBX bit 23)
 */
#include "flush.h"

flush_function mcsafe__flush_clflushopt, clflushopt
