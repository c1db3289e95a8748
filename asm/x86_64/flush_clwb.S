/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flush_clwb.S - write cache lines back with CLWB; the line may stay in the cache
 *
 *	size_t mcsafe__flush_clwb(const void *addr, size_t n, struct mcsafe__landing *landing);
 *
 * See flush.h, which is all of it.
 *
 * Needs	CLWB (CPUID leaf 7, EBX bit 24)
 */
#include "flush.h"

flush_function mcsafe__flush_clwb, clwb
