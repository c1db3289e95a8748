/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flush_clflushopt.S - write cache lines back with CLFLUSHOPT; the line leaves the cache
 *
 *	size_t mcsafe__flush_clflushopt(const void *addr, size_t n,
 *					struct mcsafe_fault *fault);
 *
 * flush.inc has the code, and says what it does.
 *
 * Needs	CLFLUSHOPT (CPUID leaf 7, EBX bit 23)
 */
#define NAME mcsafe__flush_clflushopt
#define INSN clflushopt
#include "flush.inc"
