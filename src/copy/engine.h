/* SPDX-License-Identifier: BSD-3-Clause */
/* engine.h - the assembly routines, as C sees them, and which of them is in use */
#ifndef MCSAFE_SRC_ENGINE_H
#define MCSAFE_SRC_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "asm/routines.h"
#include "landing/landing.h"

#pragma GCC visibility push(hidden)

/* Whether that is the REP MOVSB of mcsafe__copy_erms: where a machine check stops it, it may have
 * fallen short of the line that is bad. */
static inline bool mcsafe__is_string_copy(uintptr_t ip)
{
	return ip - (uintptr_t)mcsafe__copy_erms < 64; /* an entry is aligned to that (asm.h) */
}

/* The best write-back that the processor has (copy.c). */
mcsafe__flush_fn mcsafe__flush;

/* No cache is smaller, and a copy that is shorter need not ask. */
#define MCSAFE_LONG ((size_t)4 << 20)

/* What mcsafe_engine_set() selects by one name. asm/engines.def has a line for each. */
struct mcsafe__engine {
	const char *name;
	mcsafe__copy_fn *copy;
	mcsafe__copy_fn *copy_nt; /* with stores that bypass the caches; or NULL */
	mcsafe__set_fn *set;
	bool rep_movsb;      /* longer copies use REP MOVSB for all but their ends (copy.c) */
	bool on_request;     /* never the default */
	unsigned needs;      /* MCSAFE__CPU_*: without them the engine cannot be selected */
	unsigned also_needs; /* MCSAFE__CPU_*: without them the engine is not the default */
};

/* The most preferred first. */
extern const struct mcsafe__engine mcsafe__engines[];
extern const size_t mcsafe__n_engines;

/* Whether this processor can run it, and may. MT-Safe, AS-Safe. */
bool mcsafe__engine_is_possible(const struct mcsafe__engine *engine);

/* The one in use; chooses it if nobody has yet. MT-Safe, AS-Safe. */
const struct mcsafe__engine *mcsafe__engine(void);

/* Of engine.c: its routine for copies of ordinary length, or one that chooses an engine first. */
extern mcsafe__copy_fn *_Atomic mcsafe__copy_in_use;

/* MT-Safe, AS-Safe. */
static inline size_t mcsafe__copy(void *dst, const void *src, size_t n,
				  struct mcsafe__landing *landing)
{
	return atomic_load_explicit(&mcsafe__copy_in_use, memory_order_relaxed)(dst, src, n,
										landing);
}

/*
 * Of engine.c: copies below this many bytes, a multiple of 64 and MCSAFE_LONG at the most, are for
 * that routine; for longer ones copy.c looks at the engine.
 */
extern _Atomic size_t mcsafe__short_below;

/* The same, but 0 unless that routine is the one that they are named after: so one comparison does for
 * the length and for the engine, and the routine is jumped to without looking up where it is. */
extern _Atomic size_t mcsafe__avx512_below;
extern _Atomic size_t mcsafe__avx2_below;

/* The same for fills. */
extern mcsafe__set_fn *_Atomic mcsafe__set_in_use __attribute__((visibility("hidden")));

static inline mcsafe__set_fn *mcsafe__set(void)
{
	return atomic_load_explicit(&mcsafe__set_in_use, memory_order_relaxed);
}

/* Makes it that; NULL: to be chosen anew. MT-Safe, AS-Safe. */
void mcsafe__engine_use(const struct mcsafe__engine *engine);

#pragma GCC visibility pop

#endif /* MCSAFE_SRC_ENGINE_H */
