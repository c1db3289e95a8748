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

/* A slow tool does fewer: nothing depends on their number. */
#define CASES        UINT64_C(1000000)
#define SCRIPT_WORDS 16

static uint64_t cases; /* less with a slow tool */

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

/* Random scripts must have met everything often; a generator that does not is broken. */
static void check_tally(void)
{
	const struct script_tally *t = &script_tally;

	print_message("%" PRIu64
		      " scripts, %lu copies: %lu stopped at a source, %lu at a destination; "
		      "%lu refused, %lu at an end of file, %lu at a full pipe\n",
		      cases, t->copies, t->source_faults, t->destination_faults, t->refused,
		      t->end_of_file, t->would_block);
	assert_true(t->source_faults > cases / 20);
	assert_true(t->destination_faults > cases / 20);
	assert_true(t->refused > cases / 100);
	/* A script in some thousands meets these: with a slow tool perhaps none. */
	if (cases >= CASES / 10) {
		assert_true(t->end_of_file > 0);
		assert_true(t->would_block > 0);
	}
	for (int flavour = 0; flavour < MODEL_FLAVOURS; flavour++) {
		assert_true(t->copies_by_flavour[flavour] > cases / 100);
		/* Never read, and never written: a discard cannot stop. */
		if (flavour != MODEL_DISCARD)
			assert_true(t->faults_by_flavour[flavour] > cases / 1000);
		else
			assert_true(t->faults_by_flavour[flavour] == 0);
	}
}

static void test_scripts_agree_with_the_model(void **state)
{
	uint64_t seed = t_seed();

	(void)state;
	t_install();
	/* ThreadSanitizer has nothing to see: there is one thread. */
	cases = CASES / t_stride(T_THREAD_SANITIZER ? 50 : 10, 50);
	script_open();
	for (uint64_t i = 0; i < cases; i++) {
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
