/* SPDX-License-Identifier: BSD-3-Clause */
/* cpu.h - what this processor can do */
#ifndef MCSAFE_SRC_CPU_H
#define MCSAFE_SRC_CPU_H

#include <stddef.h>

/* Bits of the result of mcsafe__cpu_features(). */
enum {
	MCSAFE__CPU_KNOWN = 1 << 0, /* always set: the processor has been asked */
	MCSAFE__CPU_CLFLUSHOPT = 1 << 1,
	MCSAFE__CPU_CLWB = 1 << 2,
	MCSAFE__CPU_AVX2 = 1 << 3, /* AVX2, BMI1 and BMI2, and the kernel saves the registers */
	/* Fast REP MOVSB, which is not known to consume poison past the end of its operand. */
	MCSAFE__CPU_ERMS = 1 << 4,
	/* MCSAFE__CPU_AVX512BW and AVX512_VBMI. */
	MCSAFE__CPU_AVX512 = 1 << 5,
	/* AMD family 1Ah or later: what was measured there differs from the other processors. */
	MCSAFE__CPU_ZEN_5 = 1 << 6,
	/* REP MOVSB is faster than 32-byte vectors, even in copies that fit the first cache. */
	MCSAFE__CPU_FAST_STRINGS = 1 << 7,
	/* AVX512F, AVX512BW, BMI1 and BMI2, and the kernel saves the registers. */
	MCSAFE__CPU_AVX512BW = 1 << 8,
};

enum mcsafe__vendor { MCSAFE__VENDOR_OTHER, MCSAFE__VENDOR_INTEL, MCSAFE__VENDOR_AMD };

/* Who has made it. Asks CPUID at every call, which takes some microseconds in a virtual machine.
 * MT-Safe, AS-Safe. */
enum mcsafe__vendor mcsafe__cpu_vendor(void);

/* What CPUID says, asked once in a process. MT-Safe, AS-Safe. */
unsigned mcsafe__cpu_features(void);

/* Size of the last-level cache, which other processors may share; 0 if CPUID does not report it.
 * Asked once in a process. MT-Safe, AS-Safe. */
size_t mcsafe__cpu_cache_size(void);

/* Size of the first-level data cache; 0 if CPUID does not report it. Asks CPUID at every call,
 * which takes some microseconds in a virtual machine. MT-Safe, AS-Safe. */
size_t mcsafe__cpu_first_cache_size(void);

#endif /* MCSAFE_SRC_CPU_H */
