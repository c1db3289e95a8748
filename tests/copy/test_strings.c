/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_strings.c - long copies of the engines that use REP MOVSB for all but the ends
 *
 * With --wrap, the linker puts functions of the test before mcsafe__copy_erms(), which sees the
 * arguments, and before mcsafe__cpu_features(), which makes up processors.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <mcsafe/mcsafe.h>

#include "base/cpu.h"
#include "copy/route.h"
#include "pattern.h"
#include "rng.h"
#include "run.h"
#include "sweep.h"

#define LINE       ((size_t)64)
#define GOOD_PAGES 8 /* room for the shortest copies that go this way */

/* ---- what REP MOVSB is given --------------------------------------------------------------- */

mcsafe__copy_fn __real_mcsafe__copy_erms;
mcsafe__copy_fn __wrap_mcsafe__copy_erms;

/* The operands of the copy that runs, and how often REP MOVSB was used for a part of them. */
static uintptr_t source;
static size_t length;
static size_t calls;

size_t __wrap_mcsafe__copy_erms(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	uintptr_t last_line = (source + length - 1) / LINE * LINE;

	calls++;
	if ((uintptr_t)src % LINE != 0 || n % LINE != 0)
		fail_msg("REP MOVSB of %p, %zu bytes: no whole lines", src, n);
	if ((uintptr_t)src < source || (uintptr_t)src - source >= LINE)
		fail_msg("REP MOVSB from %p, the source is at %#zx", src, (size_t)source);
	if ((uintptr_t)src + n > last_line)
		fail_msg("REP MOVSB up to %#zx, the last line is %#zx", (size_t)src + n,
			 (size_t)last_line);
	return __real_mcsafe__copy_erms(dst, src, n, fault);
}

static void expect(const void *src, size_t n)
{
	source = (uintptr_t)src;
	length = n;
	calls = 0;
}

/* ---- processors ------------------------------------------------------------------------------ */

unsigned __real_mcsafe__cpu_features(void);
unsigned __wrap_mcsafe__cpu_features(void);

#define AVX512 (MCSAFE__CPU_AVX512 | MCSAFE__CPU_AVX512BW)

static unsigned features_added, features_masked;

unsigned __wrap_mcsafe__cpu_features(void)
{
	return (__real_mcsafe__cpu_features() | features_added) & ~features_masked;
}

static void processor_is(unsigned added, unsigned not )
{
	features_added = added;
	features_masked = not ;
	assert_int_equal(mcsafe_engine_set(NULL), 0);
}

/* ---- engines --------------------------------------------------------------------------------- */

/* Calls check with each such engine in use. Skips the test if this processor has none. */
static void for_each_engine(void (*check)(const struct mcsafe__engine *engine))
{
	size_t n = 0;

	t_install();
	for (size_t i = 0; i < mcsafe__n_engines; i++) {
		const struct mcsafe__engine *engine = &mcsafe__engines[i];

		if (!engine->rep_movsb || mcsafe_engine_set(engine->name) != 0)
			continue;
		check(engine);
		n++;
	}
	assert_int_equal(mcsafe_engine_set(NULL), 0);
	if (n == 0)
		t_skip("no engine can use REP MOVSB on this processor");
}

/* ---- good memory ----------------------------------------------------------------------------- */

#define ROOM ((size_t)8 << 20)

static unsigned char *from, *to;

static bool are_aligned(size_t src_offset, size_t dst_offset)
{
	return (((uintptr_t)from + src_offset) | ((uintptr_t)to + dst_offset)) % 32 == 0;
}

static void copy_and_compare(size_t n, size_t src_offset, size_t dst_offset, bool strings)
{
	unsigned char *src = from + src_offset, *dst = to + dst_offset;

	memset(to, 0xee, dst_offset + n + T_RED_ZONE);
	expect(src, n);
	assert_int_equal(memcpy_mcsafe(dst, src, n), 0);
	if ((calls != 0) != strings)
		fail_msg("%zu bytes: %zu calls of REP MOVSB", n, calls);
	assert_memory_equal(dst, src, n);
	for (size_t i = 0; i < dst_offset; i++)
		assert_int_equal(to[i], 0xee);
	for (size_t i = 0; i < T_RED_ZONE; i++)
		assert_int_equal(dst[n + i], 0xee);
}

static void copy_good_memory(const struct mcsafe__engine *engine)
{
	struct t_rng rng = t_rng_start(t_seed(), 0);
	size_t least = mcsafe__route.long_from;

	assert_in_range(least, 256, MCSAFE__NT_NEVER_BELOW - 1);
	assert_int_equal(least % LINE, 0); /* as src/copy/copy.c, weight(), needs it */
	for (size_t i = 0; i < 300; i++) {
		size_t src_offset = t_rng_below(&rng, 4096), dst_offset = t_rng_below(&rng, 4096);

		copy_and_compare(least - 1 - t_rng_below(&rng, 64), src_offset, dst_offset, false);
		if (are_aligned(src_offset, dst_offset))
			src_offset++;
		copy_and_compare(least + t_rng_below(&rng, 256), src_offset, dst_offset, true);
		copy_and_compare(least + t_rng_below(&rng, 1 << 18), src_offset, dst_offset, true);
	}
	for (size_t i = 0; i < 8; i++)
		copy_and_compare(MCSAFE__NT_NEVER_BELOW - 4 + i, 7 * i, 5 * i, true);
	copy_and_compare(ROOM / 4 * 3 + 1, 1, 2, true);
	print_message("engine %s: REP MOVSB from %zu bytes on\n", engine->name, least);
}

static void test_copies_of_good_memory_are_right(void **state)
{
	(void)state;
	from = malloc(ROOM);
	to = malloc(ROOM);
	assert_true(from != NULL && to != NULL);
	for (size_t i = 0; i < ROOM; i++)
		from[i] = t_data(i);
	for_each_engine(copy_good_memory);
	free(from);
	free(to);
}

/* On such a processor the engine is a default, and REP MOVSB begins early. */
static void test_fast_strings_begin_early(void **state)
{
	size_t at_32, at_64;

	(void)state;
	t_install();
	if (mcsafe_engine_set("avx2_erms") != 0)
		t_skip("this processor or this build cannot use avx2_erms");
	from = malloc(ROOM);
	to = malloc(ROOM);
	assert_true(from != NULL && to != NULL);
	for (size_t i = 0; i < ROOM; i++)
		from[i] = t_data(i);
	at_32 = -(uintptr_t)from % 32;
	at_64 = -(uintptr_t)to % 64;

	processor_is(MCSAFE__CPU_FAST_STRINGS, AVX512);
	assert_string_equal(mcsafe_engine_name(), "avx2_erms");
	assert_int_equal(mcsafe__route.long_from, 1536);
	copy_good_memory(mcsafe__engine());
	copy_and_compare(1536, at_32, at_64 + 1, true);
	copy_and_compare(1536, at_32 + 16, at_64, true);
	copy_and_compare(1536, at_32, at_64, false);
	copy_and_compare(4095, at_32 + 32, at_64, false);
	copy_and_compare(4096, at_32, at_64, true);
	copy_and_compare(4096, at_32, at_64 + 32, true);

	processor_is(0, AVX512 | MCSAFE__CPU_FAST_STRINGS);
	assert_string_equal(mcsafe_engine_name(), "avx2");
	copy_and_compare(4096, at_32, at_64 + 1, false);
	processor_is(MCSAFE__CPU_FAST_STRINGS, AVX512 | MCSAFE__CPU_ERMS);
	assert_string_equal(mcsafe_engine_name(), "avx2");
	copy_and_compare(4096, at_32, at_64 + 1, false);
	processor_is(0, 0);
	free(from);
	free(to);
}

/* ---- bad memory ------------------------------------------------------------------------------ */

static struct sweep sweep;
static enum mcsafe_side side;
static size_t n_trials;

static void try_once(const struct t_copy *copy, size_t n, ptrdiff_t bad, size_t alignment)
{
	struct t_trial *trial = &sweep.trial;
	ptrdiff_t good = (ptrdiff_t)(GOOD_PAGES * T_PAGE - T_PAGE / 4 - alignment);

	trial->copy = copy;
	trial->n = n;
	trial->src_distance = side == MCSAFE_SIDE_SOURCE ? bad : good;
	trial->dst_distance = side == MCSAFE_SIDE_SOURCE ? good : bad;
	expect(sweep.src.bad - trial->src_distance, n);
	t_trial_check(trial);
	n_trials++;
}

/* Bad from any byte of the first lines on, around pages, and from any byte of the last lines on. */
static void try_places(const struct t_copy *copy, size_t n)
{
	static const size_t alignments[] = {0, 1, 37, 63};

	for (size_t i = 0; i < T_LENGTH(alignments); i++) {
		size_t alignment = alignments[i];

		for (size_t bad = 0; bad < 2 * LINE + 2; bad += i == 0 ? 1 : 7)
			try_once(copy, n, (ptrdiff_t)bad, alignment);
		for (size_t bad = T_PAGE - 1; bad < n - 4 * LINE; bad += T_PAGE / 2 + 1)
			try_once(copy, n, (ptrdiff_t)bad, alignment);
		for (size_t bad = n - 4 * LINE; bad <= n + 1; bad += i == 0 ? 1 : 7)
			try_once(copy, n, (ptrdiff_t)bad, alignment);
	}
}

static void copy_bad_memory(const struct mcsafe__engine *engine)
{
	size_t least = mcsafe__route.long_from;

	(void)engine;
	if (least + LINE > (GOOD_PAGES - 1) * T_PAGE)
		t_skip("the first cache is larger than the regions of this test");
	for (const struct t_copy *copy = t_copies; copy < t_copies + t_n_copies; copy++) {
		if (copy->fn != (void (*)(void))mcsafe_memcpy &&
		    copy->fn != (void (*)(void))memcpy_mcsafe)
			continue;
		for (size_t more = 0; more < LINE; more += 21)
			try_places(copy, least + more);
	}
}

static void try_kind(const char *name)
{
	const struct t_fault_kind *kind = t_fault_kind(name);

	for (side = MCSAFE_SIDE_SOURCE; side <= MCSAFE_SIDE_DESTINATION; side++) {
		n_trials = 0;
		sweep_open(&sweep, kind, kind, GOOD_PAGES);
		for_each_engine(copy_bad_memory);
		processor_is(MCSAFE__CPU_FAST_STRINGS, 0);
		for_each_engine(copy_bad_memory);
		processor_is(0, 0);
		sweep_close(&sweep);
		print_message("%s, side %d: %zu copies\n", name, (int)side, n_trials);
	}
}

static void test_copies_stop_at_protected_memory(void **state)
{
	(void)state;
	try_kind("prot_none");
}

static void test_copies_stop_at_the_end_of_a_truncated_file(void **state)
{
	(void)state;
	try_kind("truncated");
}

/* ---- engines that do not use it -------------------------------------------------------------- */

/* Their copies keep C5, which REP MOVSB cannot. */
static void test_other_engines_use_no_strings(void **state)
{
	static const size_t lengths[] = {
		255, 256, 257, 4096, MCSAFE__NT_NEVER_BELOW - 1, ROOM / 4 * 3 + 1};
	size_t n = 0;

	(void)state;
	t_install();
	from = calloc(1, ROOM);
	to = malloc(ROOM);
	assert_true(from != NULL && to != NULL);
	for (size_t i = 0; i < mcsafe__n_engines; i++) {
		const struct mcsafe__engine *engine = &mcsafe__engines[i];

		if (engine->rep_movsb || strcmp(engine->name, "erms") == 0 ||
		    mcsafe_engine_set(engine->name) != 0)
			continue;
		for (size_t k = 0; k < T_LENGTH(lengths); k++)
			copy_and_compare(lengths[k], 5, 3, false);
		n++;
	}
	assert_int_equal(mcsafe_engine_set(NULL), 0);
	assert_in_range(n, 1, mcsafe__n_engines); /* word runs everywhere */
	free(from);
	free(to);
}

/* ---- who has met it -------------------------------------------------------------------------- */

/* Whether a bad page at that byte stops REP MOVSB, which is in the first line of its routine. */
static bool stops_strings(size_t bad)
{
	size_t n = mcsafe__route.long_from + LINE / 2;
	unsigned char *dst = sweep.dst.bad - GOOD_PAGES * T_PAGE;
	struct mcsafe_fault fault = {0};

	expect(sweep.src.bad - bad, n);
	assert_int_equal(mcsafe_memcpy(dst, sweep.src.bad - bad, n, &fault), n - bad);
	return (uintptr_t)fault.ip - (uintptr_t)__real_mcsafe__copy_erms < LINE;
}

static void find_routines(const struct mcsafe__engine *engine)
{
	size_t n = mcsafe__route.long_from + LINE / 2;

	(void)engine;
	assert_true(stops_strings(LINE + 5));
	assert_true(stops_strings(3 * T_PAGE));
	assert_true(stops_strings(n - 2 * LINE - 1));
	assert_false(stops_strings(n - LINE));
	assert_false(stops_strings(n - 1));
}

static void test_the_last_line_is_read_by_vectors(void **state)
{
	const struct t_fault_kind *kind = t_fault_kind("prot_none");

	(void)state;
	sweep_open(&sweep, kind, kind, GOOD_PAGES);
	for_each_engine(find_routines);
	t_region_fill(&sweep.dst, t_fill);
	sweep_close(&sweep);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies_of_good_memory_are_right),
		cmocka_unit_test(test_fast_strings_begin_early),
		cmocka_unit_test(test_copies_stop_at_protected_memory),
		cmocka_unit_test(test_copies_stop_at_the_end_of_a_truncated_file),
		cmocka_unit_test(test_other_engines_use_no_strings),
		cmocka_unit_test(test_the_last_line_is_read_by_vectors),
	};

	return t_run("copy.strings", tests, T_LENGTH(tests));
}
