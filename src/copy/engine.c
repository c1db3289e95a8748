/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * engine.c - which of the assembly routines do the copies
 *
 * The choice is one pointer, NULL until somebody needs it. Two threads may both choose: they come
 * to the same result. The routine for most copies is a second one, so that they need not look
 * behind the first; a copy takes either of them once, so it is not changed under it.
 */
#include "engine.h"

#include <mcsafe/engine.h>

#include <stdatomic.h>

#include "base/cpu.h"

const struct mcsafe__engine mcsafe__engines[] = {
#define ENGINE(name_, ...) {.name = #name_, __VA_ARGS__},
#include "asm/engines.def"
};

#define N_ENGINES (sizeof(mcsafe__engines) / sizeof(mcsafe__engines[0]))
const size_t mcsafe__n_engines = N_ENGINES;

static const struct mcsafe__engine *_Atomic chosen;

static mcsafe__copy_fn choose_and_copy;
mcsafe__copy_fn *_Atomic mcsafe__copy_in_use = choose_and_copy;

static mcsafe__set_fn choose_and_set;
mcsafe__set_fn *_Atomic mcsafe__set_in_use = choose_and_set;
_Atomic size_t mcsafe__short_below;
_Atomic size_t mcsafe__avx512_below;
_Atomic size_t mcsafe__avx2_below;

/* The debug checks cannot see what REP MOVSB touches, so there it would copy what must fail. */
#ifdef MCSAFE_DEBUG
# define UNSEEN ((unsigned)MCSAFE__CPU_ERMS)
#else
# define UNSEEN 0u
#endif

bool mcsafe__engine_is_possible(const struct mcsafe__engine *engine)
{
	return (engine->needs & ~(mcsafe__cpu_features() & ~UNSEEN)) == 0;
}

/* Whether it may be the default here. */
static bool is_eligible(const struct mcsafe__engine *engine)
{
	return !engine->on_request && (engine->also_needs & ~mcsafe__cpu_features()) == 0 &&
	       mcsafe__engine_is_possible(engine);
}

static const struct mcsafe__engine *best(void)
{
	size_t i = 0;

	/* The last one is always possible. */
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

		/* Unless somebody has asked for one meanwhile. */
		if (atomic_compare_exchange_strong(&chosen, &engine, ours))
			engine = ours;
		publish();
	}
	return engine;
}

static size_t choose_and_copy(void *dst, const void *src, size_t n, struct mcsafe__landing *landing)
{
	return mcsafe__engine()->copy(dst, src, n, landing);
}

static size_t choose_and_set(void *dst, int c, size_t n, struct mcsafe__landing *landing)
{
	return mcsafe__engine()->set(dst, c, n, landing);
}

/*
 * What is copied by REP MOVSB begins where both operands together do not fit into the first cache:
 * below, vectors are faster by half, and a little above, slower by as much (bench/).
 */
static size_t short_below(const struct mcsafe__engine *engine)
{
	size_t cache;

	if (engine == NULL)
		return 0;
	if (!engine->rep_movsb)
		return MCSAFE_LONG;
	cache = mcsafe__cpu_first_cache_size();
	return cache == 0 || cache > MCSAFE_LONG ? MCSAFE_LONG : (cache / 2 & ~(size_t)63) + 64;
}

/* Several may do so at once: whoever is last has seen the choice that is the last. */
static void publish(void)
{
	const struct mcsafe__engine *engine;

	do {
		mcsafe__copy_fn *copy;
		size_t below;

		engine = atomic_load(&chosen);
		copy = engine != NULL ? engine->copy : choose_and_copy;
		below = short_below(engine);
		atomic_store(&mcsafe__copy_in_use, copy);
		atomic_store(&mcsafe__short_below, below);
		atomic_store(&mcsafe__avx512_below, copy == mcsafe__copy_avx512 ? below : 0);
		atomic_store(&mcsafe__avx2_below, copy == mcsafe__copy_avx2 ? below : 0);
		atomic_store(&mcsafe__set_in_use, engine != NULL ? engine->set : choose_and_set);
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
