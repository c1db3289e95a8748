/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_scan.c - memchr and strnlen against one byte after the other
 *
 * The scans are tried with each engine. Together their lengths take every path of each: some bytes
 * of a line, two lines, a few more, and turns of several lines with each number of lines after
 * them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <mcsafe/engine.h>
#include <mcsafe/scan.h>

#include "copy/route.h"
#include "pattern.h"
#include "region.h"
#include "rng.h"
#include "run.h"
#include "state.h"
#include "witness.h"

#define NEEDLE  0xa7 /* no byte of t_data() */
#define LONGEST 700  /* bytes of an operand before the bad memory: 10 lines and more */

/* What is known of an operand: good bytes from p on, and then what the kernel says. */
struct operand {
	const unsigned char *p;
	size_t good;
	const struct t_report *report; /* of the bad bytes */
};

static void check_fault(const struct mcsafe_fault *fault, const struct operand *operand,
			size_t done, const char *what)
{
	const struct t_report *report = operand->report;
	uintptr_t addr = (uintptr_t)fault->addr, bad = (uintptr_t)operand->p + done;

	if (fault->signo != report->signo || fault->code != report->code ||
	    fault->cause != t_report_cause(report) || fault->side != MCSAFE_SIDE_SOURCE ||
	    fault->extent != t_report_extent(report) || fault->ip == NULL || fault->flags != 0 ||
	    fault->reserved[0] != NULL || fault->reserved[2] != NULL)
		fail_msg("%s: the record is wrong: %s", what, mcsafe_cause_name(fault->cause));
	if (report->exact ? addr > bad || addr / 64 != bad / 64
			  : addr != (report->addr != 0 ? report->addr : bad))
		fail_msg("%s: address %#zx, not %#zx", what, addr, bad);
}

static struct t_state state_around; /* what a scan must keep for its caller, also after a fault */

static enum mcsafe_cause scan(const struct operand *operand, int c, size_t n, bool is_strnlen,
			      size_t *at, struct mcsafe_fault *fault)
{
	const uint64_t for_memchr[T_STATE_N_ARGS] = {(uintptr_t)operand->p, (unsigned)c, n,
						     (uintptr_t)at, (uintptr_t)fault};
	const uint64_t for_strnlen[T_STATE_N_ARGS] = {(uintptr_t)operand->p, n, (uintptr_t)at,
						      (uintptr_t)fault, 0};
	void (*fn)(void) =
		is_strnlen ? (void (*)(void))mcsafe_strnlen : (void (*)(void))mcsafe_memchr;
	uint64_t cause =
		t_state_call_with(&state_around, fn, is_strnlen ? for_strnlen : for_memchr);
	unsigned damage = t_state_damage(&state_around);

	if (damage != 0)
		fail_msg("%s: n %zu: %s was changed", mcsafe_engine_name(), n,
			 t_state_damage_name(damage));
	return (enum mcsafe_cause)(uint32_t)cause;
}

/* One scan, whose answer is `expected` unless the memory is bad before. */
static void check_scan(const struct operand *operand, int c, size_t n, size_t expected,
		       bool is_strnlen)
{
	size_t stop = operand->good < n ? operand->good : n, at = 999999;
	bool fails = expected > operand->good || (expected == n && n > operand->good);
	size_t answer = fails ? stop : expected;
	struct mcsafe_fault fault, untouched;
	enum mcsafe_cause cause;
	char what[128];

	snprintf(what, sizeof(what), "%s: %s at %p, %zu good, n %zu, byte at %zu",
		 mcsafe_engine_name(), is_strnlen ? "strnlen" : "memchr", (const void *)operand->p,
		 operand->good, n, expected);
	memset(&fault, 0xa5, sizeof(fault));
	untouched = fault;
	t_witness.n = 0;
	cause = scan(operand, c, n, is_strnlen, &at, &fault);
	if (at != answer)
		fail_msg("%s: %zu, must be %zu", what, at, answer);
	if (t_witness.n != (fails ? 1 : 0))
		fail_msg("%s: %u signals", what, t_witness.n);
	if (!fails) {
		if (cause != MCSAFE_CAUSE_NONE)
			fail_msg("%s: %s", what, mcsafe_cause_name(cause));
		assert_memory_equal(&fault, &untouched, sizeof(fault));
		return;
	}
	if (cause != t_report_cause(operand->report))
		fail_msg("%s: %s", what, mcsafe_cause_name(cause));
	check_fault(&fault, operand, answer, what);
	assert_int_equal(scan(operand, c, n, is_strnlen, &at, NULL), cause);
}

static unsigned char nonzero(size_t i)
{
	return (unsigned char)(1 + t_data(i));
}

static const size_t lengths[] = {0,   1,   2,   7,   15,  16,  17,  31,  32,   33,
				 47,  48,  63,  64,  65,  80,  96,  127, 128,  129,
				 150, 191, 192, 193, 255, 256, 257, 320, 321,  384,
				 385, 447, 448, 449, 512, 513, 640, 699, 1000, SIZE_MAX};

/* Calls check with each engine in use that this processor has. */
static void with_each_engine(void (*check)(void *arg), void *arg)
{
	size_t n = 0;

	t_state_init(&state_around);

	for (size_t i = 0; i < mcsafe__n_engines; i++)
		if (mcsafe_engine_set(mcsafe__engines[i].name) == 0) {
			check(arg);
			n++;
		}
	assert_int_not_equal(n, 0);
	assert_int_equal(mcsafe_engine_set(NULL), 0);
}

/* The byte is at places from before the start to the end of the good memory, or nowhere. */
static void scan_from(const struct operand *operand, unsigned char *image)
{
	for (size_t l = 0; l < T_LENGTH(lengths); l++) {
		size_t n = lengths[l], step = operand->good < 40 ? 1 : 1 + operand->good / 9;

		check_scan(operand, NEEDLE | 0x100, n, n, false);
		check_scan(operand, 0, n, n, true);
		for (size_t at = l % step; at < operand->good; at += step) {
			unsigned char before = image[at];
			size_t expected = at < n ? at : n;

			image[at] = NEEDLE;
			check_scan(operand, NEEDLE, n, expected, false);
			image[at] = 0;
			check_scan(operand, 0x77, n, expected, true);
			image[at] = before;
		}
	}
}

static bool open_region(struct t_region *region, const struct t_fault_kind *kind)
{
	if (!(kind->sides & T_SIDE(MCSAFE_SIDE_SOURCE)))
		return false;
	if (kind->mapped)
		t_region_need(region, kind, 1, 1);
	else
		t_region_wild(region, UINT64_C(0x1234000000000000), T_PAGE);
	return true;
}

static struct operand operand_at(const struct t_region *region, size_t good)
{
	return (struct operand){region->bad - good, good,
				t_region_report(region, MCSAFE_SIDE_SOURCE)};
}

/* The byte before the operand is the byte that is searched. */
static void scan_region(void *arg)
{
	struct t_region *region = arg;
	bool mapped = region->kind->mapped;

	for (size_t good = 0; good <= (mapped ? LONGEST : 0); good += good < 150 ? 1 : 23) {
		struct operand operand = operand_at(region, good);
		ptrdiff_t before = -(ptrdiff_t)good - 1;

		if (mapped)
			region->bad[before] = good % 2 ? NEEDLE : 0;
		scan_from(&operand, region->bad - good);
		if (mapped)
			region->bad[before] =
				nonzero((size_t)(region->bad - region->good) - good - 1);
	}
	/* Inside the bad memory, where the vector begins before the operand. */
	for (size_t inside = 1; inside < 140; inside++) {
		struct operand operand = operand_at(region, 0);

		operand.p += inside;
		check_scan(&operand, NEEDLE, 50, 50, false);
		check_scan(&operand, NEEDLE, 500, 500, true);
	}
}

static void test_scans(void **state)
{
	const struct t_fault_kind *kind = *state;
	struct t_region region;

	t_install();
	if (!open_region(&region, kind))
		return;
	if (kind->mapped)
		t_region_fill(&region, nonzero);
	t_witness_start();
	with_each_engine(scan_region, &region);
	t_witness_stop();
	t_region_close(&region);
}

#define GOOD 1024

/* One byte, and the bytes around the operand, are what is searched. It may be past the end. */
static void scan_good_memory(struct t_rng *rng, unsigned char *p, size_t n)
{
	struct operand operand = {p, GOOD, NULL};
	size_t at = t_rng_below(rng, n + 1 + t_rng_below(rng, 80)), last = n != 0 ? n - 1 : 0;

	memset(p, 0x41, n);
	p[-1] = p[n] = NEEDLE;
	check_scan(&operand, NEEDLE, n, n, false);
	p[at] = p[last] = NEEDLE;
	check_scan(&operand, NEEDLE, n, at < last ? at : n != 0 ? last : 0, false);
	p[-1] = p[n] = p[at] = p[last] = 0;
	check_scan(&operand, 0, n, at < last ? at : n != 0 ? last : 0, true);
	p[at] = p[last] = 0x41;
	check_scan(&operand, 0, n, n, true);
}

static void scan_all_alignments(void *arg)
{
	_Alignas(64) static unsigned char bytes[GOOD + 256];

	memset(bytes, NEEDLE, sizeof(bytes));
	for (size_t i = 1; i <= 64; i++)
		for (size_t n = 0; n <= 800; n += n < 200 ? 1 : 1 + t_rng_below(arg, 16))
			scan_good_memory(arg, bytes + i, n);
}

static void test_scans_of_good_memory_are_right(void **state)
{
	struct t_rng rng = t_rng_start(t_seed(), 1);

	(void)state;
	with_each_engine(scan_all_alignments, &rng);
}

static void test_nothing_is_touched(void **state)
{
	size_t at = 7;

	(void)state;
	assert_int_equal(mcsafe_memchr(NULL, 0, 0, &at, NULL), MCSAFE_CAUSE_NONE);
	assert_int_equal(at, 0);
	assert_int_equal(mcsafe_strnlen((const char *)1, 0, &at, NULL), MCSAFE_CAUSE_NONE);
}

int main(void)
{
	struct CMUnitTest tests[32] = {
		cmocka_unit_test(test_nothing_is_touched),
		cmocka_unit_test(test_scans_of_good_memory_are_right),
	};
	size_t n = 2;

	for (size_t i = 0; i < t_n_fault_kinds; i++) {
		void *kind = (void *)(uintptr_t)&t_fault_kinds[i];

		tests[n++] =
			(struct CMUnitTest){t_fault_kinds[i].name, test_scans, NULL, NULL, kind};
	}
	return t_run("access.scan", tests, n);
}
