/* SPDX-License-Identifier: BSD-3-Clause */
/* cpu.h - what this processor can do */
#ifndef MCSAFE_SRC_CPU_H
#define MCSAFE_SRC_CPU_H

/* Bits of the result of mcsafe__cpu_features(). */
enum {
	MCSAFE__CPU_KNOWN = 1 << 0, /* always set: the processor has been asked */
	MCSAFE__CPU_CLFLUSHOPT = 1 << 1,
	MCSAFE__CPU_CLWB = 1 << 2,
};

/* Asked once for each process with CPUID. MT-Safe, AS-Safe. */
unsigned mcsafe__cpu_features(void);

#endif /* MCSAFE_SRC_CPU_H */
