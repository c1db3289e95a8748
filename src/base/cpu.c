/* SPDX-License-Identifier: BSD-3-Clause */
/* cpu.c - ask the processor once what it can do */
#include "cpu.h"

#include <cpuid.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Bits of XCR0: which registers the kernel saves (Intel SDM vol. 1, 13.3). */
#define XCR0_YMM 0x06u /* XMM, and the upper halves of YMM */
#define XCR0_ZMM 0xe6u /* these, masks, the upper halves of ZMM0-15, and ZMM16-31 */

static unsigned saved_registers(void)
{
	unsigned eax, ebx, ecx, edx;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE) || !(ecx & bit_AVX))
		return 0;
	__asm__("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
	return eax;
}

/* Enhanced REP MOVSB: CPUID leaf 7, EBX. <cpuid.h> of gcc has no name for it. */
#define BIT_ERMS (1u << 9)
/* Fast short REP MOVSB: CPUID leaf 7, EDX. */
#define BIT_FSRM (1u << 4)

/* Family and model include their extension fields in CPUID leaf 1 (Intel SDM vol. 2, CPUID). */
struct maker {
	unsigned vendor; /* signature_*_ebx */
	unsigned family;
	unsigned model;
};

static struct maker maker(void)
{
	unsigned eax, ebx, ecx, edx;
	struct maker maker = {0};

	if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx))
		return maker;
	maker.vendor = ebx;
	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
		return maker;
	maker.family = eax >> 8 & 0xf;
	if (maker.family == 0xf)
		maker.family += eax >> 20 & 0xff;
	maker.model = (eax >> 4 & 0xf) | (eax >> 12 & 0xf0);
	return maker;
}

enum mcsafe__vendor mcsafe__cpu_vendor(void)
{
	switch (maker().vendor) {
	case signature_INTEL_ebx:
		return MCSAFE__VENDOR_INTEL;
	case signature_AMD_ebx:
		return MCSAFE__VENDOR_AMD;
	default:
		return MCSAFE__VENDOR_OTHER;
	}
}

#define INTEL_FAMILY_6   6
#define INTEL_SKYLAKE_SP 85 /* also Cascade Lake and Cooper Lake */
#define AMD_FAMILY_ZEN_5 0x1a

/* Whether a fast string operation may consume poison in the line after the end of its operand. */
static bool fast_strings_run_on(void)
{
	struct maker cpu = maker();

	return cpu.vendor == signature_INTEL_ebx && cpu.family == INTEL_FAMILY_6 &&
	       cpu.model == INTEL_SKYLAKE_SP;
}

static bool is_zen_5(void)
{
	struct maker cpu = maker();

	return cpu.vendor == signature_AMD_ebx && cpu.family >= AMD_FAMILY_ZEN_5;
}

/*
 * Whether REP MOVSB pays from some 1500 bytes on: on Intel with FSRM. On its family 6 model
 * 207 it copies 4 KiB in half the time of 32-byte vectors. On AMD's family 1Ah, which has FSRM too,
 * vectors are faster up to half of the first cache (bench/). Older processors of AMD were not
 * measured.
 */
static bool fast_strings_pay(void)
{
	return maker().vendor == signature_INTEL_ebx;
}

#define AVX2_EBX   (bit_AVX2 | bit_BMI | bit_BMI2)
#define AVX512_EBX (bit_AVX512F | bit_AVX512BW | bit_BMI | bit_BMI2)

static unsigned ask(void)
{
	unsigned eax, ebx, ecx, edx, features = MCSAFE__CPU_KNOWN;

	if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
		if (ebx & bit_CLFLUSHOPT)
			features |= MCSAFE__CPU_CLFLUSHOPT;
		if (ebx & bit_CLWB)
			features |= MCSAFE__CPU_CLWB;
		if ((ebx & AVX2_EBX) == AVX2_EBX && (saved_registers() & XCR0_YMM) == XCR0_YMM)
			features |= MCSAFE__CPU_AVX2;
		if ((ebx & AVX512_EBX) == AVX512_EBX && (saved_registers() & XCR0_ZMM) == XCR0_ZMM)
			features |= MCSAFE__CPU_AVX512BW;
		if ((features & MCSAFE__CPU_AVX512BW) && (ecx & bit_AVX512VBMI))
			features |= MCSAFE__CPU_AVX512;
		if (is_zen_5())
			features |= MCSAFE__CPU_ZEN_5;
		if ((ebx & BIT_ERMS) && !fast_strings_run_on())
			features |= MCSAFE__CPU_ERMS;
		if ((edx & BIT_FSRM) && fast_strings_pay())
			features |= MCSAFE__CPU_FAST_STRINGS;
	}
	return features;
}

/* If two threads ask at the same time, both get the same answer. */
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

/* A leaf that describes one cache in each subleaf, in this format (Intel SDM vol. 2, leaf 4). */
#define CACHES_OF_INTEL 4
#define CACHES_OF_AMD   0x8000001d
#define CACHES_MAX      16 /* more than any processor has */

/* Types of caches. */
#define NO_CACHE 0
#define DATA     1
#define UNIFIED  3

/* Size of the largest cache that holds data; if first_level, of those of the first level. */
static size_t largest_cache(unsigned leaf, bool first_level)
{
	unsigned eax, ebx, ecx, edx;
	size_t largest = 0;

	for (unsigned i = 0; i < CACHES_MAX; i++) {
		unsigned type, level;
		size_t size;

		if (!__get_cpuid_count(leaf, i, &eax, &ebx, &ecx, &edx))
			break;
		type = eax & 0x1f;
		if (type == NO_CACHE)
			break;
		level = eax >> 5 & 7;
		/* Ways, partitions, line size and sets, each less 1. */
		size = (size_t)((ebx >> 22) + 1) * ((ebx >> 12 & 0x3ff) + 1) * ((ebx & 0xfff) + 1) *
		       ((size_t)ecx + 1);
		if ((type == DATA || type == UNIFIED) && (level == 1 || !first_level) &&
		    size > largest)
			largest = size;
	}
	return largest;
}

static size_t ask_for_cache(bool first_level)
{
	size_t size = largest_cache(CACHES_OF_AMD, first_level);

	return size != 0 ? size : largest_cache(CACHES_OF_INTEL, first_level);
}

size_t mcsafe__cpu_first_cache_size(void)
{
	return ask_for_cache(true);
}

size_t mcsafe__cpu_cache_size(void)
{
	static _Atomic size_t known = SIZE_MAX;
	size_t size = atomic_load_explicit(&known, memory_order_relaxed);

	if (size == SIZE_MAX) {
		size = ask_for_cache(false);
		atomic_store_explicit(&known, size, memory_order_relaxed);
	}
	return size;
}
