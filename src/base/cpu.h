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
	MCSAFE__CPU_AVX2 = 1 << 3, /* and the kernel saves the registers */
	/* And REP MOVSB is not known to consume what is behind its operand. */
	MCSAFE__CPU_ERMS = 1 << 4,
	/* AVX512F, AVX512BW, AVX512_VBMI and BMI2; and the kernel saves the registers */
	MCSAFE__CPU_AVX512 = 1 << 5,
	MCSAFE__CPU_WIDE = 1 << 6, /* if there are 64-byte vectors, they are the fastest */
};

/* Asked once for each process with CPUID. MT-Safe, AS-Safe. */
unsigned mcsafe__cpu_features(void);

/* Bytes of the largest cache, of which other processors may use some; 0 if it does not say.
 * Asked once for each process. MT-Safe, AS-Safe. */
size_t mcsafe__cpu_cache_size(void);

/* Bytes of the first data cache; 0 if it does not say. MT-Safe, AS-Safe. Asks each time, which takes
 * some microseconds in a virtual machine. */
size_t mcsafe__cpu_first_cache_size(void);

#endif /* MCSAFE_SRC_CPU_H */
