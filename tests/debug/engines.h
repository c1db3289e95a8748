/* SPDX-License-Identifier: BSD-3-Clause */
/* engines.h - the engines that the tests of tests/debug go through, and what each promises */
#ifndef MCSAFE_TESTS_DEBUG_ENGINES_H
#define MCSAFE_TESTS_DEBUG_ENGINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "copy/engine.h"

struct engine {
	const char *name;
	size_t (*copy)(void *dst, const void *src, size_t n, struct mcsafe__landing *landing);
	size_t step;  /* a count falls short of the first bad source byte by less than this */
	size_t grain; /* and is exact if that byte's address is a multiple of this */
	size_t chunk; /* it reads on to the end of the aligned block that holds the last byte */
	bool (*runs_here)(void);
};

/* Every copy engine. A new one is one line in engines.c. */
extern const struct engine engines[];
extern const size_t engine_count;

/* Call fn for each engine that this processor can run, and name each that it cannot; fail if none
 * was run. */
void for_each_engine(void (*fn)(const struct engine *engine));

/* Reproducible choices: MCSAFE_SEED in the environment, or the time; printed by print_seed(). */
void print_seed(void);
uint64_t random_u64(void);
size_t random_below(size_t limit);

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
