/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_random.c - random nests of guards, against a model
 *
 *	MCSAFE_TEST_NESTS    how many guards are armed; the default is 10^6, and fewer with a tool
 *	MCSAFE_TEST_SEED     to repeat a run
 *
 * The model is a list of windows in the order in which they were armed. A fault must go to the last
 * window that has its page. If no window has it, the test does not make the fault.
 */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bad_page.h"
#include "child.h"
#include "guard/guard.h"
#include "rng.h"
#include "tool.h"

#define PAGES 16
#define DEPTH 24
#define NONE  UINT32_MAX

#define NESTS 1000000

static unsigned char *bad; /* PAGES pages */

static struct {
	unsigned from, to; /* pages */
} model[DEPTH];
static unsigned armed;         /* of the model */
static unsigned expected;      /* who is to catch */
static unsigned char *touched; /* what will fault */
static unsigned long nests, faults, by_return, by_break, by_goto, deepest_jump;
static unsigned long goal;

static struct t_rng rng;

static unsigned below(unsigned limit)
{
	return (unsigned)t_rng_below(&rng, limit);
}

static unsigned who_has(unsigned page)
{
	for (unsigned i = armed; i-- > 0;)
		if (model[i].from <= page && page < model[i].to)
			return i;
	return NONE;
}

static void maybe_fault(void)
{
	unsigned page = below(PAGES);

	expected = who_has(page);
	if (expected == NONE)
		return;
	touched = bad + (size_t)page * T_PAGE + below(T_PAGE);
	if (below(2))
		t_read_byte(touched);
	else
		t_write_byte(touched);
	UNREACHED("no fault");
}

static void nest(void);

/* NOLINTBEGIN(misc-no-recursion): the test is about nests. */
static void act(void)
{
	switch (below(4)) {
	case 0:
		maybe_fault();
		break;
	case 1:
	case 2:
		if (armed < DEPTH && nests < goal)
			nest();
		break;
	default:
		break;
	}
}

static void nest(void)
{
	const unsigned level = armed, from = below(PAGES), to = from + below(PAGES - from + 1);
	unsigned char *base = bad + (size_t)from * T_PAGE;
	struct mcsafe_guard guard;
	unsigned way;

	nests++;
	for (;;) {
		MCSAFE_TRY(&guard, base, (to - from) * (size_t)T_PAGE) {
			model[level].from = from;
			model[level].to = to;
			armed = level + 1;
			for (unsigned actions = below(4); actions > 0; actions--) {
				act();
				CHECK_EQ(armed, level + 1);
				CHECK_PTR_EQ(mcsafe__guard_top, &guard);
			}
			armed = level;
			way = below(4);
			if (way == 0) {
				by_return++;
				return;
			}
			if (way == 1) {
				by_goto++;
				goto out;
			}
			if (way == 2) {
				by_break++;
				break;
			}
		}
		MCSAFE_CATCH(&guard) {
			CHECK_EQ(expected, level);
			CHECK_PTR_EQ(guard.fault.addr, touched);
			CHECK_EQ(guard.window, 0);
			CHECK_EQ(guard.offset, (size_t)(touched - base));
			faults++;
			if (armed - level > deepest_jump)
				deepest_jump = armed - level;
			armed = level;
		}
		break;
	}
out:
	CHECK_EQ(armed, level);
	if (level == 0)
		CHECK_PTR_EQ(mcsafe__guard_top, NULL);
	else
		CHECK_PTR_NE(mcsafe__guard_top, &guard);
}

/* NOLINTEND(misc-no-recursion) */

static void compare_nests_with_the_model(void *unused)
{
	const char *number = getenv("MCSAFE_TEST_NESTS");

	(void)unused;
	goal = number != NULL ? strtoul(number, NULL, 10) : NESTS / t_stride(50, 100);
	bad = mmap(NULL, (size_t)PAGES * T_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_PTR_NE(bad, MAP_FAILED);
	CHECK_EQ(mcsafe_install(), 0);
	while (nests < goal)
		nest();
	printf("%lu guards, %lu faults, over at most %lu guards; %lu returns, %lu breaks, %lu "
	       "gotos\n",
	       nests, faults, deepest_jump - 1, by_return, by_break, by_goto);
	CHECK_GT(faults, goal / 50);
	CHECK_GT(by_return, goal / 50);
	CHECK_GT(by_break, goal / 50);
	CHECK_GT(by_goto, goal / 50);
	CHECK_GT(deepest_jump, 4);
	fflush(stdout);
}

static void test_random_nests_agree_with_the_model(void **state)
{
	(void)state;
	rng = t_rng_start(t_seed(), 0);
	t_survives(compare_nests_with_the_model, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_nests_agree_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
