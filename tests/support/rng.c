/* SPDX-License-Identifier: BSD-3-Clause */
/* rng.c - random numbers that can be repeated: splitmix64 of Steele, Lea and Flood (2014) */
#include "rng.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

#include "cmocka_all.h"

#define GOLDEN_GAMMA UINT64_C(0x9e3779b97f4a7c15)

uint64_t t_seed(void)
{
	const char *text = getenv("MCSAFE_TEST_SEED");
	uint64_t seed;

	if (text != NULL && *text != '\0') {
		char *end;

		errno = 0;
		seed = strtoull(text, &end, 0);
		if (errno != 0 || *end != '\0')
			fail_msg("MCSAFE_TEST_SEED is not a 64-bit number: %s", text);
	} else {
		assert_int_equal(getrandom(&seed, sizeof(seed), 0), sizeof(seed));
	}
	print_message("MCSAFE_TEST_SEED=0x%" PRIx64 " repeats this run\n", seed);
	return seed;
}

struct t_rng t_rng_start(uint64_t seed, uint64_t stream)
{
	struct t_rng rng = {seed};

	rng.state = t_rng_next(&rng) + stream;
	rng.state = t_rng_next(&rng);
	return rng;
}

uint64_t t_rng_next(struct t_rng *rng)
{
	uint64_t z = rng->state += GOLDEN_GAMMA;

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

size_t t_rng_below(struct t_rng *rng, size_t limit)
{
	return (size_t)(t_rng_next(rng) % limit); /* the bias of a small limit does not matter */
}
