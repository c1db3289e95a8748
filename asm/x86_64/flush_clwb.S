/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flush_clwb.S - write cache lines back with CLWB; the line may stay in the cache
 *
 *	size_t mcsafe__flush_clwb(const void *addr, size_t n, struct mcsafe_fault *fault);
 *
 * flush.inc has the code, and says what it does.
 *
 * Needs	CLWB (CPUID leaf 7, EBX bit 24)
 */
#define NAME mcsafe__flush_clwb
#define INSN clwb
#include "flush.inc"
