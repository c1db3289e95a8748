/* SPDX-License-Identifier: BSD-3-Clause */
/* cpu.c - ask the processor once what it can do */
#include "cpu.h"

#include <cpuid.h>
#include <stdatomic.h>

static unsigned ask(void)
{
	unsigned eax, ebx, ecx, edx, features = MCSAFE__CPU_KNOWN;

	if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
		if (ebx & bit_CLFLUSHOPT)
			features |= MCSAFE__CPU_CLFLUSHOPT;
		if (ebx & bit_CLWB)
			features |= MCSAFE__CPU_CLWB;
	}
	return features;
}

/* Two threads may both ask: they get the same answer. */
unsigned mcsafe__cpu_features(void)
{
	static _Atomic unsigned known;
	unsigned features = atomic_load_explicit(&known, memory_order_relaxed);

	if (features == 0) {
		features = ask();
		atomic_store_explicit(&known, features, memory_order_relaxed);
	}
	return features;
}
