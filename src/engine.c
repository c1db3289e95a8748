/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * engine.c - which of the assembly routines do the copies
 *
 * The choice is one pointer, NULL until somebody needs it. Two threads may both choose: they come
 * to the same result. A copy takes the pointer once, so it is not changed under it.
 */
#include "engine.h"

#include <mcsafe/engine.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"

const struct mcsafe__engine mcsafe__engines[] = {
	{"word", mcsafe__copy_word, NULL, 0, true},
	/* Slower than AVX2 at most sizes where both were measured (bench/), so on request only. */
	{"erms", mcsafe__copy_erms, NULL, MCSAFE__CPU_ERMS, false},
	{"sse2", mcsafe__copy_sse2, NULL, 0, true},
	{"avx2", mcsafe__copy_avx2, mcsafe__copy_nt_avx2, MCSAFE__CPU_AVX2, true},
};

#define N_ENGINES (sizeof(mcsafe__engines) / sizeof(mcsafe__engines[0]))
const size_t mcsafe__n_engines = N_ENGINES;

static const char names[] = "avx2 sse2 erms word";

static const struct mcsafe__engine *_Atomic chosen;

/* The debug checks cannot see what REP MOVSB touches, so there it would copy what must fail. */
#ifdef MCSAFE_DEBUG
# define NEVER MCSAFE__CPU_ERMS
#else
# define NEVER 0u
#endif

bool mcsafe__engine_is_possible(const struct mcsafe__engine *engine)
{
	return (engine->needs & ~(mcsafe__cpu_features() & ~NEVER)) == 0;
}

static const struct mcsafe__engine *best(void)
{
	size_t i = N_ENGINES;

	while (i-- > 1)
		if (mcsafe__engines[i].by_itself && mcsafe__engine_is_possible(&mcsafe__engines[i]))
			break;
	return &mcsafe__engines[i];
}

const struct mcsafe__engine *mcsafe__engine(void)
{
	const struct mcsafe__engine *engine = atomic_load_explicit(&chosen, memory_order_relaxed);

	if (engine == NULL) {
		engine = best();
		atomic_store_explicit(&chosen, engine, memory_order_relaxed);
	}
	return engine;
}

const char *mcsafe_engine_name(void)
{
	return mcsafe__engine()->name;
}

const char *mcsafe_engine_names(void)
{
	return names;
}

int mcsafe_engine_set(const char *name)
{
	if (name == NULL) {
		atomic_store(&chosen, best());
		return 0;
	}
	for (size_t i = 0; i < N_ENGINES; i++) {
		if (strcmp(name, mcsafe__engines[i].name) != 0)
			continue;
		if (!mcsafe__engine_is_possible(&mcsafe__engines[i]))
			return -ENOTSUP;
		atomic_store(&chosen, &mcsafe__engines[i]);
		return 0;
	}
	return -EINVAL;
}

int mcsafe__engine_from_environment(void)
{
	static atomic_bool done;
	const char *name;
	int err;

	if (atomic_load(&done))
		return 0;
	/* Not of a program that runs with more rights than who set its environment. */
	name = secure_getenv("MCSAFE_ENGINE");
	err = name != NULL && *name != '\0' ? mcsafe_engine_set(name) : 0;
	if (err != 0)
		fprintf(stderr, "mcsafe: MCSAFE_ENGINE=%s: %s; the engines are: %s\n", name,
			err == -ENOTSUP ? "not for this processor" : "no such engine", names);
	else
		atomic_store(&done, true);
	return err;
}
