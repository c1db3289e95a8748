/* SPDX-License-Identifier: BSD-3-Clause */
/* engines.c - the table of engines, and what the tests of tests/debug share */
#include "engines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cpu.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static bool always(void)
{
	return true;
}

static bool has_avx512(void)
{
	return mcsafe__cpu_features() & MCSAFE__CPU_AVX512;
}

static bool has_avx2(void)
{
	return mcsafe__cpu_features() & MCSAFE__CPU_AVX2;
}

const struct engine engines[] = {
	{"word", mcsafe__copy_word, 8, 8, 1, always},
	{"sse2", mcsafe__copy_sse2, 8, 16, 16, always},
	{"avx2", mcsafe__copy_avx2, 8, 64, 32, has_avx2},
	{"nt_avx2", mcsafe__copy_nt_avx2, 8, 64, 32, has_avx2},
	{"avx512", mcsafe__copy_avx512, 8, 64, 64, has_avx512},
	{"nt_avx512", mcsafe__copy_nt_avx512, 8, 64, 64, has_avx512},
};
const size_t engine_count = LENGTH(engines);

void for_each_engine(void (*fn)(const struct engine *engine))
{
	size_t i, run = 0;

	for (i = 0; i < engine_count; i++) {
		if (!engines[i].runs_here()) {
			print_message("engine %s: this processor cannot run it\n", engines[i].name);
			continue;
		}
		fn(&engines[i]);
		run++;
	}
	assert_int_not_equal(run, 0);
}

static uint64_t state;

void print_seed(void)
{
	const char *given = getenv("MCSAFE_SEED");

	state = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	print_message("MCSAFE_SEED=%llu\n", (unsigned long long)state);
}

/* SplitMix64: every seed gives a full-period sequence. */
uint64_t random_u64(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

size_t random_below(size_t limit)
{
	return (size_t)(random_u64() % limit);
}

bool is_full_run(void)
{
	const char *full = getenv("MCSAFE_FULL");

	return full != NULL && strcmp(full, "1") == 0;
}

unsigned char source_byte(size_t i)
{
	return (unsigned char)(i % 127);
}

bool same_bytes(const char *what, const unsigned char *expected, const unsigned char *actual,
		size_t n)
{
	size_t i;

	if (memcmp(expected, actual, n) == 0)
		return true;
	for (i = 0; expected[i] == actual[i]; i++)
		;
	print_error("%s: byte %zu is 0x%02x, should be 0x%02x\n", what, i, actual[i], expected[i]);
	return false;
}
