/* SPDX-License-Identifier: BSD-3-Clause */
/* cpu.c - ask the processor once what it can do */
#include "cpu.h"

#include <cpuid.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Bits of XCR0: which registers the kernel saves (Intel SDM vol. 1, 13.3). */
#define XCR0_YMM 0x06u /* XMM, and the upper halves of YMM */
#define XCR0_ZMM 0xe6u /* and masks, the upper halves of ZMM0-15, ZMM16-31 */

static unsigned saved_registers(void)
{
	unsigned eax, ebx, ecx, edx;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE) || !(ecx & bit_AVX))
		return 0;
	__asm__("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
	return eax;
}

/* Family and model, with the extensions that CPUID leaf 1 keeps apart (Intel SDM vol. 2, CPUID). */
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

/*
 * Skylake-SP, Cascade Lake, Cooper Lake. A fast string operation there may consume poison in the
 * line behind the bytes that it was asked for.
 */
static bool fast_strings_run_on(void)
{
	struct maker cpu = maker();

	return cpu.vendor == signature_INTEL_ebx && cpu.family == 6 && cpu.model == 85;
}

/*
 * Where 64-byte vectors are known to be the faster ones: AMD's family 1Ah (Zen 5), on which they
 * were measured (bench/), and later ones. Others move 64 bytes in two halves, or run at a lower
 * frequency for it.
 */
static bool wide_vectors_pay(void)
{
	struct maker cpu = maker();

	return cpu.vendor == signature_AMD_ebx && cpu.family >= 0x1a;
}

#define AVX512_EBX (bit_AVX512F | bit_AVX512BW | bit_BMI2)

static unsigned ask(void)
{
	unsigned eax, ebx, ecx, edx, features = MCSAFE__CPU_KNOWN;

	if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
		if (ebx & bit_CLFLUSHOPT)
			features |= MCSAFE__CPU_CLFLUSHOPT;
		if (ebx & bit_CLWB)
			features |= MCSAFE__CPU_CLWB;
		if ((ebx & bit_AVX2) && (saved_registers() & XCR0_YMM) == XCR0_YMM)
			features |= MCSAFE__CPU_AVX2;
		if ((ebx & AVX512_EBX) == AVX512_EBX && (ecx & bit_AVX512VBMI) &&
		    (saved_registers() & XCR0_ZMM) == XCR0_ZMM)
			features |= MCSAFE__CPU_AVX512;
		if (wide_vectors_pay())
			features |= MCSAFE__CPU_WIDE;
		if ((ebx & 1u << 9) && !fast_strings_run_on())
			features |= MCSAFE__CPU_ERMS;
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

/* Types of caches that hold data (Intel SDM vol. 2, CPUID leaf 4). */
#define DATA    1
#define UNIFIED 3

/*
 * The largest cache that holds data; if first_level, of the first level. One leaf describes the
 * caches, one after the other: 4 on Intel, 0x8000001d on AMD.
 */
static size_t largest_cache(unsigned leaf, bool first_level)
{
	unsigned eax, ebx, ecx, edx;
	size_t largest = 0;

	for (unsigned i = 0; i < 16; i++) {
		unsigned type, level;
		size_t size;

		if (!__get_cpuid_count(leaf, i, &eax, &ebx, &ecx, &edx) || (eax & 0x1f) == 0)
			break;
		type = eax & 0x1f;
		level = eax >> 5 & 7;
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
	size_t size = largest_cache(0x8000001d, first_level);

	return size != 0 ? size : largest_cache(4, first_level);
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
