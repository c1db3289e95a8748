/* SPDX-License-Identifier: BSD-3-Clause */
/* rng.h - random numbers that can be repeated */
#ifndef MCSAFE_TESTS_RNG_H
#define MCSAFE_TESTS_RNG_H

#include <stddef.h>
#include <stdint.h>

struct t_rng {
	uint64_t state;
};

/* The seed of this run: MCSAFE_TEST_SEED of the environment, or a new one. Prints it. */
uint64_t t_seed(void);

/* Different streams of one seed are independent, for example one for each thread. */
struct t_rng t_rng_start(uint64_t seed, uint64_t stream);

uint64_t t_rng_next(struct t_rng *rng);

/* A number in [0, limit); limit is not 0. */
size_t t_rng_below(struct t_rng *rng, size_t limit);

#endif /* MCSAFE_TESTS_RNG_H */
