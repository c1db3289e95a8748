/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_compare.c - memcmp against one byte after the other, by each routine
 *
 * A routine may read up to READS_ON bytes past the first difference, in the lines of its operands.
 * A fault there changes nothing but the number of signals.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <mcsafe/engine.h>
#include <mcsafe/scan.h>

#include "base/cpu.h"
#include "copies.h"
#include "copy/route.h"
#include "pattern.h"
#include "region.h"
#include "rng.h"
#include "run.h"
#include "witness.h"

#define READS_ON 128
#define FARTHEST 600 /* bytes of an operand before the bad memory */

static const struct {
	const char *name;
	mcsafe__compare_fn *compare;
	struct mcsafe__routine is;
} routines[] = {
#define COMPARE(name_, ...) {#name_, mcsafe__compare_##name_, {__VA_ARGS__}},
#include "asm/engines.def"
};

static const char *running; /* the name of the routine */
static mcsafe__compare_fn *compare;

/* Calls check with each routine that this processor can run. */
static void with_each_routine(void (*check)(void *arg), void *arg)
{
	for (size_t i = 0; i < T_LENGTH(routines); i++) {
		if ((routines[i].is.needs & ~mcsafe__cpu_features()) != 0) {
			print_message("%s: not on this processor\n", routines[i].name);
			continue;
		}
		running = routines[i].name;
		compare = routines[i].compare;
		check(arg);
	}
}

/* What is known of an operand: good bytes from p on, and then what the kernel says. */
struct operand {
	const unsigned char *p;
	size_t good;
	const struct t_report *report; /* of the bad bytes */
};

/* The address is that of the bytes that were loaded at once, or what the kernel says. */
static void check_fault(const struct mcsafe_fault *fault, const struct operand *operand,
			size_t done, const char *what)
{
	const struct t_report *report = operand->report;
	uintptr_t addr = (uintptr_t)fault->addr, bad = (uintptr_t)operand->p + done;

	if (fault->signo != report->signo || fault->code != report->code ||
	    fault->cause != t_report_cause(report) || fault->side != MCSAFE_SIDE_SOURCE ||
	    fault->extent != t_report_extent(report) || fault->flags != 0 ||
	    fault->reserved[0] != NULL || fault->reserved[2] != NULL)
		fail_msg("%s: the record is wrong: %s", what, mcsafe_cause_name(fault->cause));
	if (t_engine_of((uintptr_t)fault->ip)->fn != (void (*)(void))compare)
		fail_msg("%s: another routine has failed", what);
	if (report->exact ? addr > bad || addr / 64 != bad / 64
			  : addr != (report->addr != 0 ? report->addr : bad))
		fail_msg("%s: address %#zx, not %#zx", what, addr, bad);
}

static struct mcsafe_comparison oracle(const struct operand *a, const struct operand *b, size_t n)
{
	struct mcsafe_comparison result = {0};

	for (; result.equal < n; result.equal++) {
		size_t i = result.equal;

		if (i >= a->good || i >= b->good) {
			result.failed = i >= a->good ? 1 : 2;
			break;
		}
		if (a->p[i] != b->p[i]) {
			result.order = a->p[i] < b->p[i] ? -1 : 1;
			break;
		}
	}
	return result;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Each operand that is lost raises one signal at most, and only if that is near the answer. */
static void check_signals(const struct operand *a, const struct operand *b, size_t n,
			  const struct mcsafe_comparison *expected, const char *what)
{
	size_t reads = smaller(n, expected->equal + READS_ON);
	unsigned most = (unsigned)(a->good < reads) + (unsigned)(b->good < reads);

	if (t_witness.n > most || t_witness.n < (unsigned)(expected->failed != 0))
		fail_msg("%s: %u signals", what, t_witness.n);
}

static void check_comparison(const struct operand *a, const struct operand *b, size_t n)
{
	struct mcsafe_comparison expected = oracle(a, b, n), result;
	struct mcsafe_fault fault, untouched;
	const struct operand *failed = expected.failed == 2 ? b : a;
	enum mcsafe_cause cause, expected_cause = MCSAFE_CAUSE_NONE;
	char what[160];

	snprintf(what, sizeof(what), "%s: %p, %zu good, with %p, %zu good, n %zu", running,
		 (const void *)a->p, a->good, (const void *)b->p, b->good, n);
	memset(&result, 0xa5, sizeof(result));
	memset(&fault, 0xa5, sizeof(fault));
	untouched = fault;
	t_witness.n = 0;
	errno = 4711;
	cause = (enum mcsafe_cause)compare(a->p, b->p, n, &result, &fault);
	assert_int_equal(errno, 4711);
	if (result.equal != expected.equal || result.order != expected.order ||
	    result.failed != expected.failed)
		fail_msg("%s: %zu equal, order %d, failed %d; must be %zu, %d, %d", what,
			 result.equal, result.order, result.failed, expected.equal, expected.order,
			 expected.failed);
	check_signals(a, b, n, &expected, what);
	if (expected.failed)
		expected_cause = t_report_cause(failed->report);
	if (cause != expected_cause)
		fail_msg("%s: %s", what, mcsafe_cause_name(cause));
	if (expected.failed)
		check_fault(&fault, failed, expected.equal, what);
	else
		assert_memory_equal(&fault, &untouched, sizeof(fault));
}

/* ---- good memory ---------------------------------------------------------------------------- */

#define GOOD 1024

static void compare_good_memory(void *arg)
{
	_Alignas(64) static unsigned char a_bytes[GOOD + 64], b_bytes[GOOD + 64];
	struct t_rng *rng = arg;

	for (size_t i = 0; i < 64; i++)
		for (size_t k = 0; k < 64 * 10; k++) {
			struct operand a = {a_bytes + i, GOOD, NULL},
				       b = {b_bytes + k % 64, GOOD, NULL};
			size_t n = t_rng_below(rng, k < 320 ? 140 : k < 384 ? 700 : 300);
			size_t at = t_rng_below(rng, n + 70);

			for (size_t x = 0; x < sizeof(a_bytes); x += 8) {
				uint64_t word = t_rng_next(rng);

				memcpy(a_bytes + x, &word, 8);
			}
			for (size_t x = 0; x < sizeof(b_bytes); x++)
				b_bytes[x] = (unsigned char)~a_bytes[x];
			memcpy(b_bytes + k % 64, a_bytes + i, n);
			check_comparison(&a, &b, n);
			b_bytes[k % 64 + at] =
				(unsigned char)(a_bytes[i + at] + 1 + t_rng_below(rng, 255));
			check_comparison(&a, &b, n);
			check_comparison(&b, &a, n);
		}
}

/* Every pair of alignments, and bytes that differ after the end of both operands. */
static void test_comparisons_of_good_memory_are_right(void **state)
{
	struct t_rng rng = t_rng_start(t_seed(), 0);

	(void)state;
	with_each_routine(compare_good_memory, &rng);
}

static void compare_nothing(void *arg)
{
	struct mcsafe_comparison result = {1, 1, 1};

	(void)arg;
	assert_int_equal(compare(NULL, (const void *)3, 0, &result, NULL), MCSAFE_CAUSE_NONE);
	assert_true(result.equal == 0 && result.order == 0 && result.failed == 0);
}

static void test_nothing_is_touched(void **state)
{
	(void)state;
	with_each_routine(compare_nothing, NULL);
}

/* ---- bad memory ----------------------------------------------------------------------------- */

struct regions {
	struct t_region a, b;
	struct t_rng rng;
};

static struct operand operand_at(const struct t_region *region, size_t good)
{
	return (struct operand){region->bad - good, good,
				t_region_report(region, MCSAFE_SIDE_SOURCE)};
}

static const size_t lengths[] = {0,   1,   5,   15,  16,  17,  31,  32,      33,  40,
				 48,  63,  64,  65,  96,  100, 127, 128,     129, 149,
				 150, 151, 191, 192, 193, 255, 256, 257,     300, 320,
				 449, 511, 512, 599, 600, 601, 700, SIZE_MAX};

/* A difference at some place, with either sign, and no difference. */
static void compare_all(struct t_rng *rng, const struct operand *a, const struct operand *b,
			unsigned char *bytes)
{
	size_t both = smaller(a->good, b->good);

	for (size_t l = 0; l < T_LENGTH(lengths); l++) {
		size_t n = lengths[l], places[3];
		unsigned char before;

		check_comparison(a, b, n);
		check_comparison(b, a, n);
		if (both == 0)
			continue;
		places[0] = t_rng_below(rng, both);
		places[1] = both - 1 - t_rng_below(rng, smaller(both, 40));
		places[2] = smaller(both, n == 0 ? 1 : n) - 1;
		for (size_t i = 0; i < T_LENGTH(places); i++) {
			before = bytes[places[i]];
			/* Signed bytes would be wrong. */
			bytes[places[i]] = (unsigned char)(before ^ (i == 1 ? 1 : 0x80));
			check_comparison(a, b, n);
			check_comparison(b, a, n);
			bytes[places[i]] = before;
		}
	}
}

/* a has any number of good bytes, b the same bytes. Sometimes a becomes bad first, sometimes b. */
static void compare_bad_memory(void *arg)
{
	struct regions *regions = arg;
	bool mapped = regions->a.kind->mapped;

	for (size_t a_good = 0; a_good <= (mapped ? FARTHEST : 0);
	     a_good += a_good < 20 ? 1 : 1 + t_rng_below(&regions->rng, 2 * a_good / 5))
		for (size_t b_good = 0; b_good <= FARTHEST;
		     b_good += b_good < 5 ? 1 : 1 + t_rng_below(&regions->rng, 2 * b_good / 3)) {
			struct operand a = operand_at(&regions->a, a_good);
			struct operand b = operand_at(&regions->b, b_good);
			unsigned char *bytes = regions->b.bad - b_good;

			for (size_t i = 0; i < a_good; i++)
				regions->a.bad[-(ptrdiff_t)a_good + (ptrdiff_t)i] = t_data(i);
			for (size_t i = 0; i < b_good; i++)
				bytes[i] = t_data(i);
			compare_all(&regions->rng, &a, &b, bytes);
		}
}

/* All of an operand, or of both, lies inside the bad memory. */
static void compare_inside(void *arg)
{
	struct regions *regions = arg;

	for (size_t inside = 1; inside < 140; inside++) {
		struct operand a = operand_at(&regions->a, 0), b = operand_at(&regions->b, 0);
		struct operand good = {regions->b.good + 7 * inside % 64, 2048, NULL};
		size_t n = lengths[inside % T_LENGTH(lengths)];

		n = n == SIZE_MAX ? 2000 : n;
		a.p += inside;
		b.p += 5 * inside % 128;
		check_comparison(&a, &b, n);
		check_comparison(&a, &good, n);
		check_comparison(&good, &a, n);
		check_comparison(&good, &b, n);
	}
}

static void test_comparisons(void **state)
{
	const struct t_fault_kind *kind = *state;
	struct regions regions;

	t_install();
	if (!(kind->sides & T_SIDE(MCSAFE_SIDE_SOURCE)))
		return;
	if (kind->mapped)
		t_region_need(&regions.a, kind, 1, 1);
	else
		t_region_wild(&regions.a, UINT64_C(0x1234000000000000), T_PAGE);
	t_region_need(&regions.b, t_fault_kind("prot_none"), 1, 1);
	regions.rng = t_rng_start(t_seed(), 1);
	t_witness_start();
	with_each_routine(compare_bad_memory, &regions);
	with_each_routine(compare_inside, &regions);
	t_witness_stop();
	if (kind->mapped)
		t_region_fill(&regions.a, t_data);
	t_region_fill(&regions.b, t_data);
	t_region_close(&regions.a);
	t_region_close(&regions.b);
}

/* ---- the engine ----------------------------------------------------------------------------- */

static void test_the_engine_in_use_compares(void **state)
{
	struct mcsafe_comparison result;
	struct mcsafe_fault fault;
	struct t_region region;
	size_t n = 0;

	(void)state;
	t_install();
	t_region_need(&region, t_fault_kind("prot_none"), 1, 1);
	t_region_fill(&region, t_data);
	for (size_t i = 0; i <= mcsafe__n_engines; i++) {
		/* NULL: the next use chooses an engine. */
		if (mcsafe_engine_set(i < mcsafe__n_engines ? mcsafe__engines[i].name : NULL) != 0)
			continue;
		n++;
		assert_int_equal(mcsafe_memcmp(region.bad - 100, region.good, 100, &result, &fault),
				 MCSAFE_CAUSE_NONE);
		assert_int_equal(mcsafe_memcmp(region.bad, region.good, 100, &result, &fault),
				 MCSAFE_CAUSE_PROTECTED);
		assert_int_equal(result.failed, 1);
		assert_ptr_equal(t_engine_of((uintptr_t)fault.ip)->fn, mcsafe__engine()->compare);
	}
	assert_true(n > 2);
	t_region_close(&region);
}

int main(void)
{
	struct CMUnitTest tests[32] = {
		cmocka_unit_test(test_nothing_is_touched),
		cmocka_unit_test(test_comparisons_of_good_memory_are_right),
		cmocka_unit_test(test_the_engine_in_use_compares),
	};
	size_t n = 3;

	for (size_t i = 0; i < t_n_fault_kinds; i++)
		tests[n++] = (struct CMUnitTest){t_fault_kinds[i].name, test_comparisons, NULL,
						 NULL, (void *)(uintptr_t)&t_fault_kinds[i]};
	return t_run("access.compare", tests, n);
}
