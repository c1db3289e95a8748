/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * route.c - which engine is in use
 *
 * The choice is one pointer, NULL until a copy or fill needs an engine. If two threads choose at
 * the same time, both choose the same engine. From the pointer follows what is in mcsafe__route.
 */
#include "route.h"

#include <mcsafe/engine.h>

#include <stdatomic.h>

#include "base/cpu.h"
#include "base/page.h"

const struct mcsafe__engine mcsafe__engines[] = {
#define ENGINE(name_, ...) {.name = #name_, __VA_ARGS__},
#include "asm/engines.def"
};

#define N_ENGINES (sizeof(mcsafe__engines) / sizeof(mcsafe__engines[0]))
const size_t mcsafe__n_engines = N_ENGINES;

static const struct mcsafe__engine *_Atomic chosen;

static mcsafe__copy_fn choose_and_copy;
static mcsafe__set_fn choose_and_set;
static mcsafe__scan_fn choose_and_scan;
static mcsafe__compare_fn choose_and_compare;
struct mcsafe__route mcsafe__route = {
	.copy = choose_and_copy,
	.set = choose_and_set,
	.scan = choose_and_scan,
	.compare = choose_and_compare,
	.strings_from = SIZE_MAX,
	.prefetch_from = SIZE_MAX,
};
_Atomic size_t mcsafe__entry_below[MCSAFE_ENTRIES];

/* The addresses below this one are those of programs: see mcsafe__route.avx512. */
#define LOWER_HALF ((size_t)1 << 63)

/* mcsafe__route.prefetch_from is never less. */
#define PREFETCH_LEAST ((size_t)2048)

/*
 * What the build may not use, whatever the processor has: MCSAFE_DEBUG cannot see the accesses of
 * REP MOVSB, so an access that must fail would succeed.
 */
#ifdef MCSAFE_DEBUG
# define MCSAFE__CPU_UNUSED ((unsigned)MCSAFE__CPU_ERMS)
#else
# define MCSAFE__CPU_UNUSED 0u
#endif

bool mcsafe__engine_is_possible(const struct mcsafe__engine *engine)
{
	return (engine->needs & ~(mcsafe__cpu_features() & ~MCSAFE__CPU_UNUSED)) == 0;
}

/* Whether the engine may be the default on this processor. */
static bool is_eligible(const struct mcsafe__engine *engine)
{
	return !engine->on_request && (engine->also_needs & ~mcsafe__cpu_features()) == 0 &&
	       mcsafe__engine_is_possible(engine);
}

static const struct mcsafe__engine *best(void)
{
	size_t i = 0;

	/* Every processor can run the last one. */
	while (i < N_ENGINES - 1 && !is_eligible(&mcsafe__engines[i]))
		i++;
	return &mcsafe__engines[i];
}

static void publish(void);

const struct mcsafe__engine *mcsafe__engine(void)
{
	const struct mcsafe__engine *engine = atomic_load_explicit(&chosen, memory_order_relaxed);

	if (engine == NULL) {
		const struct mcsafe__engine *ours = best();

		/* Not if mcsafe_engine_set() has selected one in the meantime. */
		if (atomic_compare_exchange_strong(&chosen, &engine, ours))
			engine = ours;
		publish();
	}
	return engine;
}

static size_t choose_and_copy(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	return mcsafe__engine()->copy(dst, src, n, fault);
}

static size_t choose_and_set(void *dst, int c, size_t n, struct mcsafe_fault *fault)
{
	return mcsafe__engine()->set(dst, c, n, fault);
}

static enum mcsafe_cause choose_and_scan(const void *s, int c, size_t n, size_t *at,
					 struct mcsafe_fault *fault)
{
	return mcsafe__engine()->scan(s, c, n, at, fault);
}

static unsigned choose_and_compare(const void *a, const void *b, size_t n,
				   struct mcsafe_comparison *result, struct mcsafe_fault *fault)
{
	return mcsafe__engine()->compare(a, b, n, result, fault);
}

/*
 * mcsafe__route.long_from. REP MOVSB begins where source and destination together no longer fit
 * into the first-level cache. Below that length vectors are faster by half; a little above, they
 * are slower by as much (bench/). With 32-byte vectors and fast strings it begins much earlier.
 */
static size_t long_from(const struct mcsafe__engine *engine)
{
	size_t cache;

	if (engine == NULL)
		return 0;
	if (!engine->rep_movsb)
		return MCSAFE__NT_NEVER_BELOW;
	if (engine->copy == mcsafe__copy_avx2 &&
	    (mcsafe__cpu_features() & MCSAFE__CPU_FAST_STRINGS))
		return MCSAFE__STRINGS_FROM;
	cache = mcsafe__cpu_first_cache_size();
	if (cache == 0 || cache > MCSAFE__NT_NEVER_BELOW)
		return MCSAFE__NT_NEVER_BELOW;
	return mcsafe__down(cache / 2, MCSAFE__LINE) + MCSAFE__LINE;
}

/*
 * mcsafe__route.prefetch_from: half of the first-level cache. Below, a prefetch of the destination
 * costs a tenth. From there on it gains up to a half on Intel family 6 model 207.
 */
static size_t prefetch_from(void)
{
	size_t cache = mcsafe__cpu_first_cache_size();

	return cache >= 2 * PREFETCH_LEAST ? cache / 2 : PREFETCH_LEAST;
}

/*
 * mcsafe__route.strings_from, by the processor. What was measured against vectors of 64 bytes, in
 * memory that is filled again and again (bench/):
 *
 *	Intel family 6 model 207	slower below 3 KiB, equal at 4 KiB, faster by up to 8 %
 *					above, and by 32 % at the size of the first cache
 *	AMD family 1Ah			slower by 11 to 78 % up to 512 KiB, faster by 6 % at 768
 *					KiB, and by 20 to 30 % from 1 MiB on, which is the size
 *					of the second cache
 *
 * Others were not measured, so they fill by vectors.
 */
static size_t strings_from(const struct mcsafe__engine *engine)
{
	if (engine == NULL || !engine->rep_movsb)
		return SIZE_MAX;
	switch (mcsafe__cpu_vendor()) {
	case MCSAFE__VENDOR_INTEL:
		return (size_t)4 << 10;
	case MCSAFE__VENDOR_AMD:
		return (size_t)768 << 10;
	default:
		return SIZE_MAX;
	}
}

static void limit_entry(unsigned index, bool is_in_use, size_t below)
{
	atomic_store(&mcsafe__entry_below[index], is_in_use ? below : 0);
}

/* The limits of the entries in assembly, for the routines that are in use. */
static void limit_entries(mcsafe__set_fn *set, mcsafe__scan_fn *scan, size_t strings)
{
	limit_entry(MCSAFE_ENTRY_SET_AVX512, set == mcsafe__set_avx512, strings);
	limit_entry(MCSAFE_ENTRY_SET_AVX2, set == mcsafe__set_avx2, strings);
	limit_entry(MCSAFE_ENTRY_SCAN_AVX512, scan == mcsafe__scan_avx512, SIZE_MAX);
	limit_entry(MCSAFE_ENTRY_SCAN_AVX2, scan == mcsafe__scan_avx2, SIZE_MAX);
}

/* Several threads may do this at once. The last one to finish has published the last choice. */
static void publish(void)
{
	const struct mcsafe__engine *engine;

	do {
		mcsafe__copy_fn *copy;
		mcsafe__set_fn *set;
		mcsafe__scan_fn *scan;
		size_t strings;

		engine = atomic_load(&chosen);
		copy = engine != NULL ? engine->copy : choose_and_copy;
		set = engine != NULL ? engine->set : choose_and_set;
		scan = engine != NULL ? engine->scan : choose_and_scan;
		strings = strings_from(engine);
		atomic_store(&mcsafe__route.copy, copy);
		atomic_store(&mcsafe__route.set, set);
		atomic_store(&mcsafe__route.scan, scan);
		atomic_store(&mcsafe__route.strings_from, strings);
		atomic_store(&mcsafe__route.compare,
			     engine != NULL ? engine->compare : choose_and_compare);
		atomic_store(&mcsafe__route.long_from, long_from(engine));
		atomic_store(&mcsafe__route.prefetch_from, prefetch_from());
		atomic_store(&mcsafe__route.avx512, copy == mcsafe__copy_avx512 ? LOWER_HALF : 0);
		atomic_store(&mcsafe__route.avx2, copy == mcsafe__copy_avx2 ? LOWER_HALF : 0);
		atomic_store(&mcsafe__route.avx512bw,
			     copy == mcsafe__copy_avx512bw ? LOWER_HALF : 0);
		limit_entries(set, scan, strings);
	} while (atomic_load(&chosen) != engine);
}

void mcsafe__engine_use(const struct mcsafe__engine *engine)
{
	atomic_store(&chosen, engine);
	publish();
}

const char *mcsafe_engine_name(void)
{
	return mcsafe__engine()->name;
}
