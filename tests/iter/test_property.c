/* SPDX-License-Identifier: BSD-3-Clause */
/* test_property.c - random scripts of all operations on all flavours, against the model */
#include <inttypes.h>
#include <stdlib.h>

#include "iter_model.h"
#include "iter_script.h"
#include "rng.h"
#include "run.h"
#include "sanitizer.h"
#include "tool.h"

/* A slow tool runs fewer. No result depends on their number. */
#define CASES        UINT64_C(1000000)
#define SCRIPT_WORDS 16

static uint64_t cases; /* fewer with a slow tool */

static void fill(uint64_t *words, uint64_t seed, uint64_t i)
{
	struct t_rng rng = t_rng_start(seed, i);

	for (size_t word = 0; word < SCRIPT_WORDS; word++)
		words[word] = t_rng_next(&rng);
}

static void print_script(const uint8_t *bytes, size_t n)
{
	print_error("the script:");
	for (size_t i = 0; i < n; i++)
		print_error(" %02x", bytes[i]);
	print_error("\n");
}

/* Whether the scripts have met everything, each as often as so many scripts do. */
static bool has_met_all(void)
{
	const struct script_tally *t = &script_tally;
	/* Only one script in some ten thousands meets these, so it is not asked of a slow tool. */
	bool met = cases < CASES || (t->end_of_file > 0 && t->would_block > 0);

	met = met && t->source_faults > cases / 20 && t->destination_faults > cases / 20 &&
	      t->refused > cases / 100;
	for (int flavour = 0; flavour < MODEL_FLAVOURS; flavour++)
		/* Discarded bytes are never read or written, so that a discard cannot stop. */
		met = met && t->copies_by_flavour[flavour] > cases / 100 &&
		      (flavour == MODEL_DISCARD || t->faults_by_flavour[flavour] > cases / 1000);
	return met;
}

static void check_tally(void)
{
	const struct script_tally *t = &script_tally;

	print_message("%" PRIu64
		      " scripts, %lu copies: %lu stopped at a source, %lu at a destination; "
		      "%lu refused, %lu at an end of file, %lu at a full pipe\n",
		      cases, t->copies, t->source_faults, t->destination_faults, t->refused,
		      t->end_of_file, t->would_block);
	assert_true(has_met_all());
	assert_int_equal(t->faults_by_flavour[MODEL_DISCARD], 0);
}

static void test_scripts_agree_with_the_model(void **state)
{
	uint64_t seed = t_seed();

	(void)state;
	t_install();
	/* There is only one thread, so ThreadSanitizer has nothing to find. */
	cases = CASES / t_stride(T_THREAD_SANITIZER ? 50 : 10, 50);
	script_open();
	/* A generator that is broken does not meet all in a hundred times as many. */
	for (uint64_t i = 0; i < cases || (!has_met_all() && i / 100 < cases); i++) {
		uint64_t words[SCRIPT_WORDS];
		const char *bad;

		fill(words, seed, i);
		bad = script_run((const uint8_t *)words, sizeof(words));
		if (bad != NULL) {
			print_script((const uint8_t *)words, sizeof(words));
			fail_msg("seed 0x%" PRIx64 ", case %" PRIu64 ": %s", seed, i, bad);
		}
	}
	check_tally();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts_agree_with_the_model),
	};

	return t_run("iter.property", tests, T_LENGTH(tests));
}
