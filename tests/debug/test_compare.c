/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_compare.c - comparisons whose operand is lost while they run, and injected addresses
 *
 * A poisoned line is lost with its page at the first load of the line. The bytes before the line
 * are exact, even those of the page that is gone: they were loaded before (C5). Nothing of the page
 * is read again (C6).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include <mcsafe/inject.h>
#include <mcsafe/mcsafe.h>

#include "base/cpu.h"
#include "base/msan.h"
#include "basics.h"
#include "copy/debug.h"
#include "engines.h"
#include "rng.h"

#define LINE  ((size_t)64)
#define PAGES 4
#define MOST  700 /* bytes of an operand */

static const struct {
	const char *name;
	mcsafe__compare_fn *compare;
	struct mcsafe__routine is;
} routines[] = {
#define COMPARE(name_, ...) {#name_, mcsafe__compare_##name_, {__VA_ARGS__}},
#include "asm/engines.def"
};

static struct t_rng rng;
static unsigned char *room[3]; /* of operand 1, a, and 2, b */

/* Both operands begin in the second page. They are equal up to byte "differs", which may be n. */
struct trial {
	size_t routine;
	const unsigned char *at[3];
	size_t n, differs;
	int operand; /* the one that is bad ... */
	size_t good; /* ... from this byte on, which is NONE if no byte is needed */
};

#define NONE SIZE_MAX

static void map_rooms(void)
{
	for (int k = 1; k <= 2; k++) {
		room[k] = mmap(NULL, PAGES * T_PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_ptr_not_equal(room[k], MAP_FAILED);
	}
	rng = t_rng_start(t_seed(), 0);
	/* A load that touches the lost page again is counted, and lands. */
	assert_int_equal(mcsafe_install(), 0);
}

static void unmap_rooms(void)
{
	for (int k = 1; k <= 2; k++)
		assert_int_equal(munmap(room[k], PAGES * T_PAGE), 0);
}

static void fill(struct trial *trial)
{
	for (int k = 1; k <= 2; k++) {
		unsigned char *p = room[k] + T_PAGE + t_rng_below(&rng, T_PAGE);

		trial->at[k] = p;
		for (size_t i = 0; i < trial->n; i++)
			p[i] = source_byte(i);
		if (k == 2 && trial->differs < trial->n)
			p[trial->differs] ^= 0x80;
	}
}

static void check(const struct trial *trial, enum mcsafe_cause cause,
		  const struct mcsafe_comparison *result, const char *what)
{
	struct mcsafe_comparison expected = {trial->differs, trial->differs < trial->n ? -1 : 0, 0};

	if (trial->good <= trial->differs && trial->good < trial->n)
		expected = (struct mcsafe_comparison){trial->good, 0, trial->operand};
	if (cause != (expected.failed != 0 ? MCSAFE_CAUSE_POISON : MCSAFE_CAUSE_NONE) ||
	    result->equal != expected.equal || result->order != expected.order ||
	    result->failed != expected.failed)
		fail_msg("%s, %s: %zu bytes at %zu and %zu mod 64, differ from %zu on, operand %d "
			 "is bad from %td on: %s, %zu equal, order %d, failed %d",
			 routines[trial->routine].name, what, trial->n,
			 (size_t)((uintptr_t)trial->at[1] % LINE),
			 (size_t)((uintptr_t)trial->at[2] % LINE), trial->differs, trial->operand,
			 (ptrdiff_t)trial->good, mcsafe_cause_name(cause), result->equal,
			 result->order, result->failed);
}

static void set_good(struct trial *trial, uintptr_t bad)
{
	uintptr_t start = (uintptr_t)trial->at[trial->operand];

	trial->good = bad > start ? bad - start : 0;
	if (bad + LINE <= start || trial->good >= trial->n)
		trial->good = NONE;
}

static void consume(struct trial *trial)
{
	struct mcsafe__debug_poison poison = {0, 12, 0, 0};
	struct mcsafe_comparison result;
	struct mcsafe_fault fault = {.signo = 0};
	enum mcsafe_cause cause;
	uintptr_t start = (uintptr_t)trial->at[trial->operand];

	poison.line = (start & ~(LINE - 1)) + LINE * t_rng_below(&rng, trial->n / LINE + 2);
	set_good(trial, poison.line);
	mcsafe__debug_poison(&poison);
	cause = (enum mcsafe_cause)routines[trial->routine].compare(trial->at[1], trial->at[2],
								    trial->n, &result, &fault);
	mcsafe__debug_poison(NULL);
	mcsafe__msan_written(&result, sizeof(result));
	assert_int_equal(mprotect(room[trial->operand], PAGES * T_PAGE, PROT_READ | PROT_WRITE), 0);
	check(trial, cause, &result, "poison");
	if (poison.again != 0 || poison.consumed > 1 || (trial->good == NONE && poison.consumed))
		fail_msg("%s: the line was read %u times, and %u times after",
			 routines[trial->routine].name, poison.consumed, poison.again);
	if (cause == MCSAFE_CAUSE_NONE) {
		assert_int_equal(fault.signo, 0);
		return;
	}
	assert_int_equal(fault.signo, SIGBUS);
	assert_int_equal(fault.side, MCSAFE_SIDE_SOURCE);
	assert_int_equal(fault.extent, T_PAGE);
	assert_ptr_equal(fault.addr, (void *)(poison.line & ~(uintptr_t)(T_PAGE - 1)));
}

/* Both operands are bad from this address on, but only the higher one can reach it. */
static void inject(struct trial *trial)
{
	struct mcsafe_comparison result;
	enum mcsafe_cause cause;
	uintptr_t bad;

	trial->operand = room[1] > room[2] ? 1 : 2;
	bad = (uintptr_t)trial->at[trial->operand] + t_rng_below(&rng, trial->n + 2 * LINE);
	bad &= ~(LINE - 1);
	set_good(trial, bad);
	mcsafe_inject_src((const void *)bad);
	cause = (enum mcsafe_cause)routines[trial->routine].compare(trial->at[1], trial->at[2],
								    trial->n, &result, NULL);
	mcsafe__msan_written(&result, sizeof(result));
	mcsafe_inject_src(NULL);
	check(trial, cause, &result, "injected");
}

static void for_each_trial(void (*run)(struct trial *trial))
{
	map_rooms();
	for (size_t i = 0; i < sizeof(routines) / sizeof(routines[0]); i++) {
		if (!runs_here(&routines[i].is)) {
			print_message("%s: this processor cannot run it\n", routines[i].name);
			continue;
		}
		for (size_t n = 0; n <= MOST; n++)
			for (unsigned k = 0; k < (n < 200 ? 24 : 6); k++) {
				struct trial trial = {.routine = i, .n = n};

				trial.operand = k % 2 == 0 ? 1 : 2;
				trial.differs = k % 3 == 0 ? t_rng_below(&rng, n + 1) : n;
				fill(&trial);
				run(&trial);
			}
	}
	unmap_rooms();
}

static void test_a_lost_line_is_consumed_once(void **unused)
{
	(void)unused;
	for_each_trial(consume);
}

static void test_an_injected_address_stops_a_comparison(void **unused)
{
	(void)unused;
	for_each_trial(inject);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_lost_line_is_consumed_once),
		cmocka_unit_test(test_an_injected_address_stops_a_comparison),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
