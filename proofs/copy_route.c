/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy_route.c
 *
 * function: mcsafe__engine, mcsafe__engine_use, publish, long_from, prefetch_from
 * property: limits of one engine; entries take no range that wraps, and no n that copy_by() splits
 * loops: complete
 * unwind: 10
 * break: src/copy/route.c s/^\t       mcsafe__engine_is_possible(engine);/\t       true;/
 * break: src/copy/route.c s/cache == 0 || cache > MCSAFE__NT_NEVER_BELOW/cache == 0/
 * break: src/copy/route.c s/cache >= 2 \* PREFETCH_LEAST/cache >= PREFETCH_LEAST/
 * break: src/copy/route.c s/LOWER_HALF ((size_t)1 << 63)/LOWER_HALF SIZE_MAX/
 * break: src/copy/route.c s/avx2, copy == mcsafe__copy_avx2 ?/avx2, copy != mcsafe__copy_sse2 ?/
 * break: src/copy/route.c s/is_in_use ? below : 0/below/
 * break: src/copy/route.c s/^\t\treturn 0;/\t\treturn 1;/
 */
#include "proof.h"

#include "../src/copy/route.c"

static unsigned features;
static size_t first_cache;
static enum mcsafe__vendor vendor;

unsigned mcsafe__cpu_features(void)
{
	return features;
}

size_t mcsafe__cpu_first_cache_size(void)
{
	return first_cache;
}

enum mcsafe__vendor mcsafe__cpu_vendor(void)
{
	return vendor;
}

static bool wraps(uintptr_t start, size_t n)
{
	return (unsigned __int128)start + n > UINTPTR_MAX;
}

/* What the entries of mcsafe_memcpy() do (copy_avx512.S, entry.S). NULL: mcsafe__copy_any(). */
static mcsafe__copy_fn *entry(uintptr_t dst, uintptr_t src, size_t n)
{
	if (n >= mcsafe__route.long_from)
		return NULL;
	if ((dst | src) < mcsafe__route.avx512)
		return mcsafe__copy_avx512;
	if ((dst | src) < mcsafe__route.avx2)
		return mcsafe__copy_avx2;
	if ((dst | src) < mcsafe__route.avx512bw)
		return mcsafe__copy_avx512bw;
	return NULL;
}

static void check_entries(const struct mcsafe__engine *engine)
{
	uintptr_t dst = nondet_size(), src = nondet_size();
	size_t n = nondet_size();
	mcsafe__copy_fn *taken = entry(dst, src, n);

	PROVE(mcsafe__route.long_from <= MCSAFE__NT_NEVER_BELOW);
	PROVE(mcsafe__route.prefetch_from >= 2048);
	if (engine == NULL) {
		PROVE(taken == NULL && mcsafe__route.long_from == 0);
		return;
	}
	PROVE(mcsafe__route.copy == engine->copy && mcsafe__route.set == engine->set &&
	      mcsafe__route.scan == engine->scan && mcsafe__route.compare == engine->compare);
	/* In copy_by() such an n goes to .copy too: it is below both limits there. */
	if (taken != NULL) {
		PROVE(taken == engine->copy && n < MCSAFE__NT_NEVER_BELOW);
		PROVE(!wraps(dst, n) && !wraps(src, n));
		REACH();
	}
	PROVE(mcsafe__entry_below[MCSAFE_ENTRY_SET_AVX512] == 0 ||
	      engine->set == mcsafe__set_avx512);
	PROVE(mcsafe__entry_below[MCSAFE_ENTRY_SET_AVX2] == 0 || engine->set == mcsafe__set_avx2);
	PROVE(mcsafe__entry_below[MCSAFE_ENTRY_SCAN_AVX512] == 0 ||
	      engine->scan == mcsafe__scan_avx512);
	PROVE(mcsafe__entry_below[MCSAFE_ENTRY_SCAN_AVX2] == 0 ||
	      engine->scan == mcsafe__scan_avx2);
}

void proof(void)
{
	const struct mcsafe__engine *engine = NULL;
	size_t i = nondet_size();

	features = nondet_unsigned();
	first_cache = nondet_size();
	vendor = (enum mcsafe__vendor)nondet_int();
	if (i < N_ENGINES) {
		engine = &mcsafe__engines[i];
		SUPPOSE(mcsafe__engine_is_possible(engine));
	}
	mcsafe__engine_use(engine);
	check_entries(engine);
	if (engine != NULL) {
		PROVE(mcsafe__engine() == engine);
	} else {
		engine = mcsafe__engine();
		PROVE(mcsafe__engine_is_possible(engine));
		check_entries(engine);
		REACH();
	}
	END();
}
