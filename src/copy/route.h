/* SPDX-License-Identifier: BSD-3-Clause */
/* route.h - the engines, which of them is in use, and which routines copies and fills take */
#ifndef MCSAFE_SRC_ROUTE_H
#define MCSAFE_SRC_ROUTE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "asm/routines.h"
#include "flush.h"

#pragma GCC visibility push(hidden)

/*
 * A copy of fewer bytes never bypasses the caches: no last-level cache is smaller than this. So
 * such a copy need not look up the size of that cache.
 */
#define MCSAFE__NT_NEVER_BELOW ((size_t)4 << 20)

/* What mcsafe_engine_set() selects by one name. asm/engines.def has a line for each. */
struct mcsafe__engine {
	const char *name;
	mcsafe__copy_fn *copy;
	mcsafe__copy_fn *copy_nt; /* with stores that bypass the caches; or NULL */
	mcsafe__copy_fn *lines;   /* whole lines past the caches, without a fence; or NULL */
	mcsafe__set_fn *set;
	mcsafe__compare_fn *compare;
	bool rep_movsb;      /* longer copies use REP MOVSB for all but their ends (copy.c) */
	bool on_request;     /* never the default */
	unsigned needs;      /* MCSAFE__CPU_*: without them the engine cannot be selected */
	unsigned also_needs; /* MCSAFE__CPU_*: without them the engine is not the default */
};

/* The most preferred first. */
extern const struct mcsafe__engine mcsafe__engines[];
extern const size_t mcsafe__n_engines;

/* Whether this processor can run the engine, and this build may use it. MT-Safe, AS-Safe. */
bool mcsafe__engine_is_possible(const struct mcsafe__engine *engine);

/* The engine in use. Chooses one if there is none yet. MT-Safe, AS-Safe. */
const struct mcsafe__engine *mcsafe__engine(void);

/* Use this engine from now on. NULL: choose again at the next copy or fill. MT-Safe, AS-Safe. */
void mcsafe__engine_use(const struct mcsafe__engine *engine);

/*
 * What copies and fills look at instead of the engine in use. route.c publishes all of it whenever
 * the engine changes. A reader may see some members of the old engine and some of the new one. That
 * is harmless: this processor can run the routines of both, and each copies or fills any length.
 */
struct mcsafe__route {
	/* The routines of the engine, or functions that choose an engine first. */
	mcsafe__copy_fn *_Atomic copy;
	mcsafe__set_fn *_Atomic set;
	mcsafe__compare_fn *_Atomic compare;
	/* A copy of fewer bytes is for .copy. For longer copies, copy.c looks at the engine. A
	 * multiple of 64, and at most MCSAFE__NT_NEVER_BELOW; 0 while no engine is chosen. */
	_Atomic size_t short_below;
	/*
	 * Equal to .short_below if .copy is mcsafe__copy_avx512 or mcsafe__copy_avx2, else 0. So
	 * one comparison tests both the length and the routine, which is then called without a
	 * pointer.
	 */
	_Atomic size_t avx512_below;
	_Atomic size_t avx2_below;
};

extern struct mcsafe__route mcsafe__route;

#pragma GCC visibility pop

#endif /* MCSAFE_SRC_ROUTE_H */
