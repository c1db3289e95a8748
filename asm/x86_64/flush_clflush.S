/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flush_clflush.S - write cache lines back with CLFLUSH
 *
 *	size_t mcsafe__flush_clflush(const void *addr, size_t n, struct mcsafe_fault *fault);
 *
 * The line leaves the cache, and each flush waits for the one before it.
 * flush.inc has the code, and says what it does.
 *
 * Needs	CLFLUSH (CPUID leaf 1, EDX bit 19: every x86-64)
 */
#define NAME mcsafe__flush_clflush
#define INSN clflush
#include "flush.inc"
