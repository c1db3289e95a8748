/* SPDX-License-Identifier: BSD-3-Clause */
/* engines.h - the routines that the tests of tests/debug go through */
#ifndef MCSAFE_TESTS_DEBUG_ENGINES_H
#define MCSAFE_TESTS_DEBUG_ENGINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "asm/routines.h"
#include "landing/landing.h"

/* A copy, and what it promises (asm/engines.def). */
struct engine {
	const char *name;
	mcsafe__copy_fn *copy;
	struct mcsafe__routine is;
};

/* A scan. */
struct scanner {
	const char *name;
	mcsafe__scan_fn *scan;
	struct mcsafe__routine is;
};

/* A write-back. */
struct flusher {
	const char *name;
	mcsafe__flush_fn *flush;
	struct mcsafe__routine is;
};

extern const struct flusher flushers[];
extern const size_t flusher_count;

/* Whether this processor can run the routine. */
bool runs_here(const struct mcsafe__routine *routine);

/* The promise .grain of a fill. */
size_t grain_of_set(mcsafe__set_fn *set);

/* Call fn for each copy that this processor can run, and name each that it cannot; fail if none was
 * run. Copies by REP MOVSB are left out: the checks of MCSAFE_DEBUG cannot see what they touch. */
void for_each_engine(void (*fn)(const struct engine *engine));

/* The same for scans. */
void for_each_scanner(void (*fn)(const struct scanner *scanner));

/* MCSAFE_FULL=1 in the environment: nothing is sampled, however long it takes. */
bool is_full_run(void);

/* Byte i of every source: below 0x80, and of a period that is no power of two, so that neither a
 * shifted copy nor a fill can be taken for it. */
unsigned char source_byte(size_t i);

#define FILL 0xa5 /* of a destination */
#define ZONE 0xe7 /* of the red zones around it */

/* Whether expected[0, n) and actual[0, n) are equal; if not, say where and return false. */
bool same_bytes(const char *what, const unsigned char *expected, const unsigned char *actual,
		size_t n);

#endif /* MCSAFE_TESTS_DEBUG_ENGINES_H */
