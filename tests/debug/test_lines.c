/* SPDX-License-Identifier: BSD-3-Clause */
/* test_lines.c - no load of an engine crosses a line, or is outside the lines of its operand */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <string.h>

#include "basics.h"
#include "copy/debug.h"
#include "engines.h"
#include "observers.h"
#include "rng.h"

#define LENGTH 512
#define LINE   ((uintptr_t)64)

/* One copy, and what was seen of it. */
struct witness {
	const struct engine *engine;
	uintptr_t src, dst;
	size_t n;
	size_t loads, stores;
	size_t loaded, stored; /* bytes */
	const char *broken;    /* the first rule that an access broke */
	uintptr_t addr;
	size_t size;
};

static void blame(struct witness *witness, const char *rule, uintptr_t addr, size_t size)
{
	if (witness->broken != NULL)
		return;
	witness->broken = rule;
	witness->addr = addr;
	witness->size = size;
}

static void see_load(struct witness *witness, uintptr_t addr, size_t size)
{
	uintptr_t first = witness->src & ~(LINE - 1);
	uintptr_t end = (witness->src + witness->n + LINE - 1) & ~(LINE - 1);

	witness->loads++;
	witness->loaded += size;
	if (addr / LINE != (addr + size - 1) / LINE)
		blame(witness, "a load crosses a line", addr, size);
	if (addr < first || addr + size > end)
		blame(witness, "a load outside the lines of the source", addr, size);
}

static void see_store(struct witness *witness, uintptr_t addr, size_t size)
{
	witness->stores++;
	witness->stored += size;
	if (addr < witness->dst || addr + size > witness->dst + witness->n)
		blame(witness, "a store outside the destination", addr, size);
}

static void see(struct witness *witness, unsigned kind, uintptr_t addr, size_t size)
{
	if (size == 0)
		blame(witness, "an access of no bytes", addr, size);
	if (kind == MCSAFE_ROW_LOAD)
		see_load(witness, addr, size);
	else if (kind == MCSAFE_ROW_STORE)
		see_store(witness, addr, size);
	else
		blame(witness, "neither a load nor a store", addr, size);
}

static struct t_rng rng;

static unsigned char src_area[LENGTH + 4 * LINE] __attribute__((aligned(64)));
static unsigned char dst_area[LENGTH + 4 * LINE] __attribute__((aligned(64)));

static struct recording seen = {.kinds = UINT_MAX};

static struct witness watch(const struct engine *engine, size_t n, size_t src_align,
			    size_t dst_align)
{
	unsigned char *src = src_area + LINE + src_align, *dst = dst_area + LINE + dst_align;
	struct witness witness = {
		.engine = engine, .src = (uintptr_t)src, .dst = (uintptr_t)dst, .n = n};
	size_t left;

	seen.n = 0;
	mcsafe__debug_observe(record_access, &seen);
	left = engine->copy(dst, src, n, NULL);
	mcsafe__debug_observe(NULL, NULL);
	assert_int_equal(left, 0);
	assert_false(seen.is_full);
	for (size_t i = 0; i < seen.n; i++) {
		const struct access *access = &seen.accesses[i];

		see(&witness, access->kind, access->addr, access->size);
	}
	return witness;
}

static void check(const struct witness *witness)
{
	const char *broken = witness->broken;

	/* Every byte went through an access that was seen, so the proof covers all accesses. */
	if (broken == NULL && (witness->loaded < witness->n || witness->stored < witness->n))
		broken = "bytes moved by accesses that were not seen";
	if (broken == NULL && witness->n == 0 && witness->loads + witness->stores != 0)
		broken = "a copy of nothing touches memory";
	if (broken != NULL)
		fail_msg("%s: n %zu, source at %zu mod 64, destination at %zu mod 64: %s: %zu "
			 "bytes at source%+td, destination%+td",
			 witness->engine->name, witness->n, (size_t)(witness->src % LINE),
			 (size_t)(witness->dst % LINE), broken, witness->size,
			 (ptrdiff_t)(witness->addr - witness->src),
			 (ptrdiff_t)(witness->addr - witness->dst));
}

/* 513 x 64 x 64 copies, or for each length and source alignment some destination alignments. */
static void watch_all(const struct engine *engine)
{
	size_t n, s, d, step, copies = 0;
	struct witness witness;

	for (n = 0; n <= LENGTH; n++)
		for (s = 0; s < LINE; s++) {
			step = is_full_run() ? 1 : 16;
			for (d = is_full_run() ? 0 : t_rng_below(&rng, step); d < LINE; d += step) {
				witness = watch(engine, n, s, d);
				check(&witness);
				copies++;
			}
		}
	print_message("%s: %zu copies\n", engine->name, copies);
}

static void test_accesses_keep_to_the_rules_for_lines(void **unused)
{
	size_t i;

	(void)unused;
	rng = t_rng_start(t_seed(), 0);
	for (i = 0; i < sizeof(src_area); i++)
		src_area[i] = source_byte(i);
	for_each_engine(watch_all);
}

/* Each rule is broken once on purpose. */
static void test_observer_notices_what_breaks_a_rule(void **unused)
{
	struct witness clean = {.src = 0x1010, .dst = 0x2010, .n = 100};
	struct {
		unsigned kind;
		uintptr_t addr;
		size_t size;
		const char *broken;
	} accesses[] = {
		{MCSAFE_ROW_LOAD, 0x1038, 8, NULL},
		{MCSAFE_ROW_LOAD, 0x1000, 8, NULL},
		{MCSAFE_ROW_LOAD, 0x107f, 1, NULL},
		{MCSAFE_ROW_LOAD, 0x1039, 8, "a load crosses a line"},
		{MCSAFE_ROW_LOAD, 0x0fff, 1, "a load outside the lines of the source"},
		{MCSAFE_ROW_LOAD, 0x1080, 1, "a load outside the lines of the source"},
		{MCSAFE_ROW_STORE, 0x203c, 8, NULL},
		{MCSAFE_ROW_STORE, 0x200f, 1, "a store outside the destination"},
		{MCSAFE_ROW_STORE, 0x206d, 8, "a store outside the destination"},
		{3, 0x1010, 1, "neither a load nor a store"},
		{MCSAFE_ROW_LOAD, 0x1010, 0, "an access of no bytes"},
	};
	size_t i;

	(void)unused;
	for (i = 0; i < T_LENGTH(accesses); i++) {
		struct witness witness = clean;

		see(&witness, accesses[i].kind, accesses[i].addr, accesses[i].size);
		if (accesses[i].broken == NULL)
			assert_null(witness.broken);
		else
			assert_string_equal(witness.broken, accesses[i].broken);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accesses_keep_to_the_rules_for_lines),
		cmocka_unit_test(test_observer_notices_what_breaks_a_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
