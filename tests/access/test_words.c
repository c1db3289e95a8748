/* SPDX-License-Identifier: BSD-3-Clause */
/* test_words.c - inline words on good memory against memcpy(), and on every kind of bad memory */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <mcsafe/mcsafe.h>

#include "region.h"
#include "run.h"
#include "witness.h"
#include "words.h"

#define BEFORE \
 UINT64_C(0x8796a5b4c3d2e1f0) /* what memory holds: no byte occurs twice, or in VALUE */
#define VALUE  UINT64_C(0x1122334455667788)
#define NOT_IT UINT64_C(0x0f0e0d0c0b0a0908)
#define UNSET  UINT64_C(0x3c3c3c3c3c3c3c3c)

static uint64_t cut(uint64_t value, size_t size)
{
	return size == 8 ? value : value & ((UINT64_C(1) << 8 * size) - 1);
}

/* The bytes that must be in memory afterwards, computed one byte at a time. */
static uint64_t result_of(const struct t_word *word, uint64_t expected)
{
	uint64_t result = BEFORE;
	int stores =
		word->what == T_STORE || word->what == T_XCHG ||
		(word->what == T_CMPXCHG && cut(expected, word->size) == cut(BEFORE, word->size));

	for (size_t i = 0; stores && i < word->size; i++) {
		result &= ~(UINT64_C(0xff) << 8 * i);
		result |= VALUE & UINT64_C(0xff) << 8 * i;
	}
	return result;
}

static void check_good(const struct t_word *word, unsigned char *at, uint64_t expected)
{
	unsigned char around[24], before[24];
	struct mcsafe_fault fault, untouched;
	uint64_t got = UNSET, after = result_of(word, expected);
	uint64_t given = word->what == T_STORE ? UNSET : BEFORE;

	memset(around, 0xee, sizeof(around));
	memcpy(around + 8, &(uint64_t){BEFORE}, 8);
	memcpy(at - 8, around, sizeof(around));
	memset(&fault, 0xa5, sizeof(fault));
	untouched = fault;
	errno = 4711;
	if (word->fn(at, VALUE, expected, &got, &fault) != MCSAFE_CAUSE_NONE)
		fail_msg("%s fails on good memory", word->name);
	assert_int_equal(errno, 4711);
	assert_memory_equal(&fault, &untouched, sizeof(fault));
	if (cut(got, word->size) != cut(given, word->size) ||
	    (word->what != T_STORE && got != cut(given, word->size)))
		fail_msg("%s gives %#llx", word->name, (unsigned long long)got);
	memcpy(before, around, sizeof(before));
	memcpy(before + 8, &after, 8);
	if (memcmp(at - 8, before, sizeof(before)) != 0)
		fail_msg("%s leaves wrong bytes", word->name);
}

static void test_words_of_good_memory_are_right(void **state)
{
	_Alignas(64) unsigned char memory[256];

	(void)state;
	for (size_t i = 0; i < t_n_words; i++)
		for (size_t offset = 64; offset < 128; offset++) {
			const struct t_word *word = &t_words[i];

			if (offset % word->size != 0 && strstr(word->name, "unaligned") == NULL)
				continue;
			check_good(word, memory + offset, BEFORE);
			check_good(word, memory + offset, NOT_IT);
		}
}

static enum mcsafe_side side_of(const struct t_word *word)
{
	return word->what == T_LOAD ? MCSAFE_SIDE_SOURCE : MCSAFE_SIDE_DESTINATION;
}

static void check_record(const struct t_word *word, const struct mcsafe_fault *fault,
			 const struct t_report *report, const unsigned char *at)
{
	const void *addr = at;

	/* The probe of one byte was made at another address of the same page. */
	if (!report->exact && report->addr != 0)
		addr = (const void *)report->addr;
	if (fault->signo != report->signo || fault->code != report->code ||
	    fault->cause != t_report_cause(report) || fault->side != side_of(word) ||
	    fault->addr != addr || fault->extent != t_report_extent(report) || fault->ip == NULL ||
	    fault->reserved[0] != NULL || fault->reserved[2] != NULL)
		fail_msg("%s: a record of %s at %p", word->name, mcsafe_cause_name(fault->cause),
			 fault->addr);
}

static void check_bad(const struct t_word *word, const struct t_region *region, unsigned char *at)
{
	const struct t_report *report = t_region_report(region, side_of(word));
	struct mcsafe_fault fault, untouched;
	uint64_t got = cut(UNSET, word->size);
	enum mcsafe_cause cause;

	memset(&fault, 0xa5, sizeof(fault));
	untouched = fault;
	errno = 4711;
	t_witness.n = 0;
	cause = word->fn(at, VALUE, BEFORE, &got, &fault);
	assert_int_equal(errno, 4711);
	if (cause != (word->tells_cause ? t_report_cause(report) : MCSAFE_CAUSE_UNKNOWN))
		fail_msg("%s on %s: cause %s", word->name, region->kind->name,
			 mcsafe_cause_name(cause));
	if (t_witness.n != 1)
		fail_msg("%s on %s: %u signals", word->name, region->kind->name, t_witness.n);
	if (got != cut(UNSET, word->size))
		fail_msg("%s on %s: the value was changed", word->name, region->kind->name);
	if (word->makes_record)
		check_record(word, &fault, report, at);
	else
		assert_memory_equal(&fault, &untouched, sizeof(fault));
	if (word->makes_record) /* and nobody need want it */
		assert_int_equal(word->fn(at, VALUE, BEFORE, &got, NULL), cause);
}

static void try_kind(const struct t_fault_kind *kind)
{
	struct t_region region;
	const char *reason = NULL;

	if (kind->mapped)
		reason = t_region_open(&region, kind, 1, 1);
	else
		t_region_wild(&region, UINT64_C(0x1234000000000000), T_PAGE);
	if (reason != NULL)
		t_skip("%s: %s", kind->name, reason);
	t_witness_start();
	for (size_t i = 0; i < t_n_words; i++) {
		const struct t_word *word = &t_words[i];

		if (!(kind->sides & T_SIDE(side_of(word))))
			continue;
		check_bad(word, &region, region.bad);
		check_bad(word, &region, region.bad + 64 - word->size);
		check_bad(word, &region, region.bad_end - word->size);
	}
	t_witness_stop();
	t_region_close(&region);
}

/* One test for each kind, so that a skip leaves out one kind only. */
static void test_bad_memory(void **state)
{
	t_install();
	assert_int_equal(mcsafe_access_ready(), 0);
	try_kind(*state);
}

/* A word that begins in good memory and ends in bad memory. */
static void test_words_that_straddle_into_a_bad_page_fail(void **state)
{
	struct t_region region;

	(void)state;
	t_install();
	t_region_need(&region, t_fault_kind("prot_none"), 1, 1);
	t_witness_start();
	for (size_t i = 0; i < t_n_words; i++) {
		const struct t_word *word = &t_words[i];
		uint64_t got = cut(UNSET, word->size);

		if (strstr(word->name, "unaligned") == NULL)
			continue;
		for (size_t good = 1; good < word->size; good++) {
			t_witness.n = 0;
			assert_int_equal(word->fn(region.bad - good, 0, 0, &got, NULL),
					 MCSAFE_CAUSE_PROTECTED);
			assert_int_equal(got, cut(UNSET, word->size));
			assert_true(t_witness.n == 1 &&
				    t_witness.seen[0].addr == (uintptr_t)region.bad);
		}
	}
	t_witness_stop();
	t_region_close(&region);
}

static void test_sizes_that_are_none_are_refused(void **state)
{
	uint64_t memory = BEFORE, got = UNSET;
	struct mcsafe_fault fault, untouched;

	(void)state;
	memset(&fault, 0xa5, sizeof(fault));
	untouched = fault;
	for (size_t size = 0; size < 20; size++) {
		if (size == 1 || size == 2 || size == 4 || size == 8)
			continue;
		assert_int_equal(mcsafe_access_load(&memory, size, &got, &fault),
				 MCSAFE_CAUSE_UNKNOWN);
		assert_int_equal(mcsafe_access_store(&memory, size, 1, &fault),
				 MCSAFE_CAUSE_UNKNOWN);
		assert_int_equal(mcsafe_access_xchg(&memory, size, 1, &got, &fault),
				 MCSAFE_CAUSE_UNKNOWN);
		assert_int_equal(mcsafe_access_cmpxchg(&memory, size, BEFORE, 1, &got, &fault),
				 MCSAFE_CAUSE_UNKNOWN);
	}
	assert_true(memory == BEFORE && got == UNSET);
	assert_memory_equal(&fault, &untouched, sizeof(fault));
}

/* Exchanges are atomic: nothing that threads add, swap or count may be lost. */
#define THREADS 4
#define ROUNDS  300000

static struct {
	uint32_t sum;
	uint64_t token; /* exchanged between threads: the sum of all values is constant */
	pthread_barrier_t start;
} shared;

static void *add(void *arg)
{
	uint64_t *held = arg;

	pthread_barrier_wait(&shared.start);
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint32_t seen = mcsafe_load_or(&shared.sum, 0), expected;

		do {
			expected = seen;
			if (mcsafe_cmpxchg_u32(&shared.sum, expected, expected + 1, &seen) != 0)
				return NULL;
		} while (seen != expected);
		if (mcsafe_xchg_u64(&shared.token, *held, held) != 0)
			return NULL;
	}
	return arg;
}

static void test_exchanges_are_atomic(void **state)
{
	pthread_t threads[THREADS];
	uint64_t held[THREADS], sum = 0;
	void *result;

	(void)state;
	shared.token = 1000;
	assert_int_equal(pthread_barrier_init(&shared.start, NULL, THREADS), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		held[i] = UINT64_C(1) << 8 * i;
		assert_int_equal(pthread_create(&threads[i], NULL, add, &held[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_ptr_equal(result, &held[i]);
		sum += held[i];
	}
	assert_int_equal(pthread_barrier_destroy(&shared.start), 0);
	assert_int_equal(shared.sum, THREADS * ROUNDS);
	assert_int_equal(sum + shared.token, 1000 + UINT64_C(0x01010101));
}

/* load_or takes other types than integers, and its result has no qualifiers. */
static void test_load_or_is_of_any_type(void **state)
{
	static const volatile double number = 2.5;
	const bool truth = true;
	const void *const pointer = &truth;
	enum { SEVEN = 7 } seven = SEVEN;
	const double *bad = (const double *)UINT64_C(0x1234000000000000);

	(void)state;
	t_install();
	assert_true(mcsafe_load_or(&number, 1) == 2.5);
	assert_ptr_equal(mcsafe_load_or(&pointer, NULL), &truth);
	assert_int_equal(mcsafe_load_or(&seven, SEVEN), 7);
	assert_true(mcsafe_load_or(&truth, false));
	assert_true(mcsafe_load_or(bad, 0.25) == 0.25);
	assert_null(mcsafe_load_or((const char *const *)(const void *)bad, NULL));
}

int main(void)
{
	struct CMUnitTest tests[32] = {
		cmocka_unit_test(test_words_of_good_memory_are_right),
		cmocka_unit_test(test_words_that_straddle_into_a_bad_page_fail),
		cmocka_unit_test(test_sizes_that_are_none_are_refused),
		cmocka_unit_test(test_exchanges_are_atomic),
		cmocka_unit_test(test_load_or_is_of_any_type),
	};
	size_t n = 5;

	for (size_t i = 0; i < t_n_fault_kinds; i++)
		tests[n++] = (struct CMUnitTest){t_fault_kinds[i].name, test_bad_memory, NULL, NULL,
						 (void *)(uintptr_t)&t_fault_kinds[i]};
	return t_run("access.words", tests, n);
}
