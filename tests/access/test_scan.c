/* SPDX-License-Identifier: BSD-3-Clause */
/* test_scan.c - memchr and strnlen against one byte after the other */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <mcsafe/scan.h>

#include "pattern.h"
#include "region.h"
#include "run.h"
#include "witness.h"

#define NEEDLE   0xa7 /* no byte of t_data() */
#define FARTHEST 150  /* bytes of an operand before the bad memory */

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
	if (report->exact ? addr > bad || addr / 16 != bad / 16
			  : addr != (report->addr != 0 ? report->addr : bad))
		fail_msg("%s: address %#zx, not %#zx", what, addr, bad);
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
	char what[96];

	snprintf(what, sizeof(what), "%s at %p, %zu good, n %zu, byte at %zu",
		 is_strnlen ? "strnlen" : "memchr", (const void *)operand->p, operand->good, n,
		 expected);
	memset(&fault, 0xa5, sizeof(fault));
	untouched = fault;
	t_witness.n = 0;
	errno = 4711;
	cause = is_strnlen ? mcsafe_strnlen((const char *)operand->p, n, &at, &fault)
			   : mcsafe_memchr(operand->p, c, n, &at, &fault);
	assert_int_equal(errno, 4711);
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
	assert_int_equal(is_strnlen ? mcsafe_strnlen((const char *)operand->p, n, &at, NULL)
				    : mcsafe_memchr(operand->p, c, n, &at, NULL),
			 cause);
}

static unsigned char nonzero(size_t i)
{
	return (unsigned char)(1 + t_data(i));
}

static const size_t lengths[] = {0,   1,   2,   7,   8,   15,  16,   17,      31, 32,
				 33,  47,  48,  63,  64,  65,  79,   80,      96, 127,
				 128, 129, 149, 150, 151, 200, 1000, SIZE_MAX};

/* The byte is at every place from before the start to after the bad memory, or nowhere. */
static void scan_from(const struct operand *operand, unsigned char *image)
{
	for (size_t l = 0; l < T_LENGTH(lengths); l++) {
		size_t n = lengths[l], step = operand->good < 40 ? 1 : 7;

		check_scan(operand, NEEDLE | 0x100, n, n, false);
		check_scan(operand, 0, n, n, true);
		for (size_t at = 0; at < operand->good; at += step) {
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

/* The bytes before the operand and after its end are the byte that is searched. */
static void test_scans(void **state)
{
	const struct t_fault_kind *kind = *state;
	struct t_region region;
	size_t farthest;

	t_install();
	if (!open_region(&region, kind))
		return;
	if (kind->mapped)
		t_region_fill(&region, nonzero);
	farthest = kind->mapped ? FARTHEST : 0;
	t_witness_start();
	for (size_t good = 0; good <= farthest; good++) {
		struct operand operand = operand_at(&region, good);

		if (good + 1 <= farthest && kind->mapped)
			region.bad[-(ptrdiff_t)good - 1] = good % 2 ? NEEDLE : 0;
		scan_from(&operand, region.bad - good);
		if (good + 1 <= farthest && kind->mapped)
			region.bad[-(ptrdiff_t)good - 1] =
				nonzero((size_t)(region.bad - region.good) - good - 1);
	}
	/* Inside the bad memory, where the vector begins before the operand. */
	for (size_t inside = 1; inside < 40; inside++) {
		struct operand operand = operand_at(&region, 0);

		operand.p += inside;
		check_scan(&operand, NEEDLE, 50, 50, false);
	}
	t_witness_stop();
	t_region_close(&region);
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
	};
	size_t n = 1;

	for (size_t i = 0; i < t_n_fault_kinds; i++) {
		void *kind = (void *)(uintptr_t)&t_fault_kinds[i];

		tests[n++] =
			(struct CMUnitTest){t_fault_kinds[i].name, test_scans, NULL, NULL, kind};
	}
	return t_run("access.scan", tests, n);
}
