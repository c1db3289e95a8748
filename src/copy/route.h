/* SPDX-License-Identifier: BSD-3-Clause */
/* route.h - the engines, which of them is in use, and which routines are taken */
#ifndef MCSAFE_SRC_ROUTE_H
#define MCSAFE_SRC_ROUTE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "asm/layout.h"
#include "asm/routines.h"
#include "base/msan.h"
#include "flush.h"

#pragma GCC visibility push(hidden)

/*
 * A copy of fewer bytes never bypasses the caches: no last-level cache is smaller than this. So
 * such a copy need not look up the size of that cache.
 */
#define MCSAFE__NT_NEVER_BELOW ((size_t)4 << 20)

/*
 * Where REP MOVSB begins with MCSAFE__CPU_FAST_STRINGS. If both operands are multiples of 32, no
 * store of a vector crosses a line, and so REP MOVSB pays later.
 */
#define MCSAFE__STRINGS_FROM         ((size_t)1536)
#define MCSAFE__STRINGS_FROM_ALIGNED ((size_t)4096)

/* What mcsafe_engine_set() selects by one name. asm/engines.def has a line for each. */
struct mcsafe__engine {
	const char *name;
	mcsafe__copy_fn *copy;
	mcsafe__copy_fn *copy_nt; /* with stores that bypass the caches; or NULL */
	mcsafe__copy_fn *lines;   /* whole lines past the caches, without a fence; or NULL */
	mcsafe__set_fn *set;
	mcsafe__scan_fn *scan;
	mcsafe__compare_fn *compare;
	/* Longer copies use REP MOVSB for all but their ends (copy.c), and longer fills REP STOSB
	 * where that is faster (route.c). */
	bool rep_movsb;
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

/* Any copy: checks the arguments, and chooses an engine if there is none yet (copy.c). */
mcsafe__copy_fn mcsafe__copy_any;

#ifdef MCSAFE__MSAN
/* mcsafe_memcpy() of copy_avx512.S: here copy.c has the public function. */
mcsafe__copy_fn mcsafe__memcpy;
#endif

/*
 * What copies and fills look at instead of the engine in use. route.c publishes all of it whenever
 * the engine changes. A reader may see some members of the old engine and some of the new one. That
 * is harmless: this processor can run the routines of both, and each copies or fills any length.
 */
struct mcsafe__route {
	/* The routines of the engine, or functions that choose an engine first. */
	mcsafe__copy_fn *_Atomic copy;
	mcsafe__set_fn *_Atomic set;
	mcsafe__scan_fn *_Atomic scan;
	/* A fill of so many bytes or more is for mcsafe__set_erms(). */
	_Atomic size_t strings_from;
	/*
	 * 2^63 if .copy is mcsafe__copy_avx512, mcsafe__copy_avx2 or mcsafe__copy_avx512bw, else 0.
	 * dst | src is less than that if the routine is in use, and if both operands are in the
	 * lower half of the address space, so that they cannot wrap around. So one comparison tests
	 * for both.
	 */
	_Atomic size_t avx512;
	_Atomic size_t avx2;
	/* A copy of this length or more is for copy_by() in copy.c. At most MCSAFE__NT_NEVER_BELOW;
	 * 0 while no engine is chosen. */
	_Atomic size_t long_from;
	/* From this length on mcsafe__copy_avx512 prefetches the destination. At least 2048. */
	_Atomic size_t prefetch_from;
	_Atomic size_t avx512bw; /* like .avx512 */
	mcsafe__compare_fn *_Atomic compare;
};

_Static_assert(offsetof(struct mcsafe__route, avx512) == MCSAFE_ROUTE_AVX512, "as in assembly");
_Static_assert(offsetof(struct mcsafe__route, avx2) == MCSAFE_ROUTE_AVX2, "as in assembly");
_Static_assert(offsetof(struct mcsafe__route, long_from) == MCSAFE_ROUTE_LONG_FROM,
	       "as in assembly");
_Static_assert(offsetof(struct mcsafe__route, prefetch_from) == MCSAFE_ROUTE_PREFETCH_FROM,
	       "as in assembly");
_Static_assert(offsetof(struct mcsafe__route, avx512bw) == MCSAFE_ROUTE_AVX512BW, "as in assembly");

extern struct mcsafe__route mcsafe__route;

/*
 * The limits of the entries in assembly (asm.h, front), by MCSAFE_ENTRY_* of asm/layout.h. Fills
 * and scans of fewer bytes are for the routine that follows the entry. 0 if that is not the routine
 * of the engine in use.
 */
extern _Atomic size_t mcsafe__entry_below[MCSAFE_ENTRIES];

/* What the entries leave: the same functions for each engine and each length. */
mcsafe__set_fn mcsafe__memset;  /* copy.c */
mcsafe__scan_fn mcsafe__memchr; /* scan.c */

#pragma GCC visibility pop

#endif /* MCSAFE_SRC_ROUTE_H */
