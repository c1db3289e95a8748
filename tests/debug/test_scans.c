/* SPDX-License-Identifier: BSD-3-Clause */
/* test_scans.c - what scans load: no line that is not needed, none again after a fault; counts */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include <mcsafe/inject.h>
#include <mcsafe/mcsafe.h>

#include "base/cpu.h"
#include "basics.h"
#include "copy/debug.h"
#include "engines.h"
#include "observers.h"
#include "rng.h"
#include "sanitizer.h"

#define LINE    ((uintptr_t)64)
#define LONGEST 700
#define NEEDLE  0xa7 /* no byte of the source */
#define NOWHERE SIZE_MAX

static struct t_rng rng;

/* Memory between pages that stay away from it. */
static _Alignas(T_PAGE) unsigned char area[4 * T_PAGE];

/* One scan, and what it must give. */
struct trial {
	const struct scanner *scanner;
	const unsigned char *s;
	size_t n;
	size_t needle; /* its distance from s; NOWHERE */
};

static void broken(const struct trial *trial, size_t at, const char *what)
{
	fail_msg("scan_%s: %zu bytes from %zu mod 64, byte at %td, result %zu: %s",
		 trial->scanner->name, trial->n, (size_t)((uintptr_t)trial->s % LINE),
		 (ptrdiff_t)trial->needle, at, what);
}

static size_t answer(const struct trial *trial)
{
	return trial->needle < trial->n ? trial->needle : trial->n;
}

/* ---- where the loads go --------------------------------------------------------------------- */

struct witness {
	const struct trial *trial;
	uintptr_t end; /* of the line of the last byte that is needed */
	const char *wrong;
};

static void see(struct witness *witness, unsigned kind, uintptr_t addr, size_t size)
{
	uintptr_t first = (uintptr_t)witness->trial->s & ~(LINE - 1);

	if (kind != MCSAFE_ROW_LOAD || size == 0)
		witness->wrong = "not a load";
	else if (addr / LINE != (addr + size - 1) / LINE)
		witness->wrong = "a load crosses a line";
	else if (addr < first || addr + size > witness->end)
		witness->wrong = "a load of a line that is not needed";
}

static struct recording seen = {.kinds = UINT_MAX};

static void watch(struct trial *trial)
{
	size_t needed = answer(trial) + (trial->needle < trial->n), at = 999999;
	struct witness witness = {.trial = trial};

	witness.end = ((uintptr_t)trial->s + needed + LINE - 1) & ~(LINE - 1);
	seen.n = 0;
	mcsafe__debug_observe(record_access, &seen);
	assert_int_equal(trial->scanner->scan(trial->s, NEEDLE, trial->n, &at, NULL), 0);
	mcsafe__debug_observe(NULL, NULL);
	assert_false(seen.is_full);
	for (size_t i = 0; i < seen.n; i++)
		see(&witness, seen.accesses[i].kind, seen.accesses[i].addr, seen.accesses[i].size);
	if (at != answer(trial))
		broken(trial, at, "a wrong answer");
	if (witness.wrong != NULL)
		broken(trial, at, witness.wrong);
	if ((trial->n == 0) != (seen.n == 0))
		broken(trial, at, "loads that were not seen, or should not be");
}

static void for_each_needle(const struct scanner *scanner, size_t n, size_t align,
			    void (*check)(struct trial *trial))
{
	unsigned char *s = area + 2 * T_PAGE - LONGEST / 2 + align;
	struct trial trial = {scanner, s, n, NOWHERE};

	check(&trial);
	for (trial.needle = 0; trial.needle < n + 70; trial.needle += 1 + t_rng_below(&rng, 40)) {
		unsigned char before = s[trial.needle];

		s[trial.needle] = NEEDLE;
		check(&trial);
		s[trial.needle] = before;
	}
}

static void watch_all(const struct scanner *scanner)
{
	size_t step = T_SANITIZER ? 7 : 1;

	for (size_t n = 0; n <= LONGEST; n += n < 200 ? step : 7 * step)
		for (size_t align = 0; align < LINE; align++)
			for_each_needle(scanner, n, align, watch);
}

static void test_loads_keep_to_the_lines_that_are_needed(void **unused)
{
	(void)unused;
	for_each_scanner(watch_all);
}

/* ---- every address at which loads begin to fail ---------------------------------------------- */

/* The bytes before the block of .grain bytes that holds the first bad one. */
static size_t good_before(const struct trial *trial, uintptr_t bad)
{
	uintptr_t s = (uintptr_t)trial->s, block = bad & ~(uintptr_t)(trial->scanner->is.grain - 1);

	return block > s ? block - s : 0;
}

static void inject(const struct trial *trial, uintptr_t bad)
{
	size_t good = good_before(trial, bad), at = 999999;
	size_t needed = answer(trial) + (trial->needle < trial->n);
	bool fails = good < needed;
	struct mcsafe_fault fault = {.cause = MCSAFE_CAUSE_NONE};
	enum mcsafe_cause cause;

	mcsafe_inject_src((const void *)bad);
	cause = trial->scanner->scan(trial->s, NEEDLE, trial->n, &at, &fault);
	mcsafe_inject_src(NULL);
	if (at != (fails ? good : answer(trial)))
		broken(trial, at, "a wrong count");
	if (cause != (fails ? MCSAFE_CAUSE_POISON : MCSAFE_CAUSE_NONE) || cause != fault.cause)
		broken(trial, at, "a wrong cause");
	if (fails && (fault.side != MCSAFE_SIDE_SOURCE || fault.signo != SIGBUS ||
		      fault.code != BUS_MCEERR_AR || fault.extent != T_PAGE))
		broken(trial, at, "a wrong record");
}

static void inject_everywhere(struct trial *trial)
{
	uintptr_t s = (uintptr_t)trial->s, first = s & ~(LINE - 1);

	for (uintptr_t bad = first; bad < s + trial->n + 2 * LINE;
	     bad += 1 + t_rng_below(&rng, trial->n < 100 ? 8 : 70))
		inject(trial, bad);
}

static void inject_all(const struct scanner *scanner)
{
	size_t step = T_SANITIZER ? 11 : 1;

	for (size_t n = 0; n <= LONGEST; n += n < 200 ? step : 17 * step)
		for (size_t i = 0; i < 8; i++)
			for_each_needle(scanner, n, t_rng_below(&rng, LINE), inject_everywhere);
}

static void test_counts_are_right_as_the_bad_byte_slides(void **unused)
{
	(void)unused;
	for_each_scanner(inject_all);
}

/* ---- one poisoned line, lost with its page at the first load -------------------------------- */

static void consume(const struct trial *trial, uintptr_t line)
{
	struct mcsafe__debug_poison poison = {line, 12, 0, 0};
	uintptr_t s = (uintptr_t)trial->s;
	size_t good = line > s ? line - s : 0, at = 999999;
	size_t needed = answer(trial) + (trial->needle < trial->n);
	bool fails = line + LINE > s && good < needed;
	struct mcsafe_fault fault = {.cause = MCSAFE_CAUSE_NONE};
	enum mcsafe_cause cause;

	mcsafe__debug_poison(&poison);
	cause = trial->scanner->scan(trial->s, NEEDLE, trial->n, &at, &fault);
	mcsafe__debug_poison(NULL);
	if (poison.consumed != 0)
		assert_int_equal(mprotect((void *)(line & ~(uintptr_t)(T_PAGE - 1)), T_PAGE,
					  PROT_READ | PROT_WRITE),
				 0);
	if (poison.consumed != fails || poison.again != 0)
		broken(trial, at, "poison that was not needed, or was touched again");
	if (cause != (fails ? MCSAFE_CAUSE_POISON : MCSAFE_CAUSE_NONE) || cause != fault.cause)
		broken(trial, at, "a wrong cause");
	if (at != (fails ? good : answer(trial)))
		broken(trial, at, "a wrong count");
}

/* The lines lie on both sides of the start of a page. */
static void consume_each_line(struct trial *trial)
{
	uintptr_t s = (uintptr_t)trial->s;

	for (uintptr_t line = (s & ~(LINE - 1)) - LINE; line < s + trial->n + 2 * LINE;
	     line += LINE)
		consume(trial, line);
}

static void consume_all(const struct scanner *scanner)
{
	for (size_t n = 0; n <= LONGEST; n += 1 + t_rng_below(&rng, n < 200 ? 12 : 60))
		for (size_t i = 0; i < (T_SANITIZER ? 1 : 8); i++)
			for_each_needle(scanner, n, t_rng_below(&rng, LINE), consume_each_line);
}

static void test_a_lost_page_is_consumed_once(void **unused)
{
	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	for_each_scanner(consume_all);
}

/* ---- memory that goes away during the scan --------------------------------------------------- */

static struct departure going;

/*
 * An engine may load a line again that has already given the answer, which can be that there is no
 * such byte. If that load fails, the answer stands: there is no fault, and no record.
 */
static void lose_after_the_first_line(struct trial *trial)
{
	uintptr_t line_end = ((uintptr_t)trial->s | (LINE - 1)) + 1;
	struct mcsafe_fault fault = {.extent = 4711};
	size_t at = 999999;

	if ((uintptr_t)trial->s + answer(trial) + (trial->needle < trial->n) > line_end)
		return;
	going.accesses = 0;
	mcsafe__debug_observe(take_page_away, &going);
	assert_int_equal(trial->scanner->scan(trial->s, NEEDLE, trial->n, &at, &fault), 0);
	mcsafe__debug_observe(NULL, NULL);
	assert_int_equal(going.error, 0);
	assert_int_equal(mprotect(area, sizeof(area), PROT_READ | PROT_WRITE), 0);
	if (at != answer(trial) || fault.extent != 4711)
		broken(trial, at, "an answer that was lost again");
}

/* The alignment of for_each_needle() with which n bytes end where a line does. */
static size_t align_of_end(size_t n)
{
	return (LONGEST / 2 - n) % LINE;
}

static void lose_all(const struct scanner *scanner)
{
	going.last = LINE / scanner->is.chunk;
	for (size_t n = 1; n < 200; n++)
		for_each_needle(scanner, n, t_rng_below(&rng, LINE), lose_after_the_first_line);
	/* All of the line's end, or less by one. */
	for (size_t n = 1; n <= LINE; n++)
		for (size_t less = 0; less < 2; less++)
			for_each_needle(scanner, n - less, align_of_end(n),
					lose_after_the_first_line);
}

static void test_an_answer_stands_if_the_memory_then_goes_away(void **unused)
{
	(void)unused;
	assert_int_equal(mcsafe_install(), 0);
	for_each_scanner(lose_all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loads_keep_to_the_lines_that_are_needed),
		cmocka_unit_test(test_counts_are_right_as_the_bad_byte_slides),
		cmocka_unit_test(test_a_lost_page_is_consumed_once),
		cmocka_unit_test(test_an_answer_stands_if_the_memory_then_goes_away),
	};

	rng = t_rng_start(t_seed(), 0);
	for (size_t i = 0; i < sizeof(area); i++)
		area[i] = source_byte(i);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
