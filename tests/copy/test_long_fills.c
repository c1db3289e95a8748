/* SPDX-License-Identifier: BSD-3-Clause */
/* test_long_fills.c - fills of every engine, around lengths from which REP STOSB is used */
#include <string.h>

#include <mcsafe/mcsafe.h>

#include "copies.h"
#include "copy/route.h"
#include "pattern.h"
#include "region.h"
#include "rng.h"
#include "run.h"
#include "tool.h"

#define LINE  ((size_t)64)
#define PAGES ((size_t)208) /* room for the longest fill before REP STOSB on every processor */
#define VALUE 0x5a

static struct t_region region;
static struct t_rng rng;
static size_t n_fills;

/* Whether the instruction is in the routine of REP STOSB. */
static bool is_string(uintptr_t ip)
{
	const struct t_copy *routine = t_engine_of(ip);

	return routine != NULL && routine->fn == (void (*)(void))mcsafe__set_erms;
}

static void check_bytes(const unsigned char *dst, size_t n, size_t done)
{
	size_t at = (size_t)(dst - region.good);

	for (size_t i = 0; i < done; i++)
		if (dst[i] != VALUE)
			fail_msg("%s: %zu bytes, %zu set: byte %zu is not", mcsafe_engine_name(), n,
				 done, i);
	/* The bytes before the fill are as before, and so are those past it. */
	for (size_t i = at > LINE ? at - LINE : 0; i < at; i++)
		assert_int_equal(region.good[i], t_fill(i));
	for (size_t i = done; i < done + LINE && dst + i < region.bad; i++)
		assert_int_equal(dst[i], t_fill(at + i));
	for (size_t i = 0; i < done; i++)
		region.good[at + i] = t_fill(at + i);
}

/* A fill of n bytes, of which `good` can be written. */
static void fill(const struct mcsafe__engine *engine, size_t n, size_t good)
{
	unsigned char *dst = region.bad - good;
	bool strings = engine->rep_movsb && n >= mcsafe__route.strings_from;
	struct mcsafe_fault fault = {.extent = 4711};
	size_t done = n - mcsafe_memset(dst, VALUE | 0x300, n, &fault);

	if (done != (good < n ? good : n))
		fail_msg("%s: %zu bytes, %zu good: %zu set", engine->name, n, good, done);
	check_bytes(dst, n, done);
	n_fills++;
	if (good >= n) {
		assert_int_equal(fault.extent, 4711);
		return;
	}
	assert_int_equal(fault.side, MCSAFE_SIDE_DESTINATION);
	assert_int_equal(fault.cause, MCSAFE_CAUSE_PROTECTED);
	assert_ptr_equal(fault.addr, region.bad);
	if (strcmp(engine->name, "erms") != 0 && is_string((uintptr_t)fault.ip) != strings)
		fail_msg("%s: %zu bytes: stopped at %p", engine->name, n, fault.ip);
}

static size_t stride; /* of distances */

static void fill_around(const struct mcsafe__engine *engine, size_t n)
{
	for (size_t k = 0; k < 4; k++) {
		size_t length = n - 2 + k;

		for (size_t i = 0; i < LINE; i += stride) {
			fill(engine, length, length + i);
			fill(engine, length, length - 1 - i);
			fill(engine, length, i);
			fill(engine, length, t_rng_below(&rng, length));
		}
	}
}

static void test_fills_of_every_engine_are_exact(void **state)
{
	static const size_t lengths[] = {66, 130, 258, 322, 386, 514, 770, 1026, 4096, 9000};
	size_t n_engines = 0;

	(void)state;
	t_install();
	rng = t_rng_start(t_seed(), 0);
	stride = t_stride(7, 7);
	t_region_need(&region, t_fault_kind("prot_none"), PAGES, 3);
	t_region_fill(&region, t_fill);
	for (size_t i = 0; i < mcsafe__n_engines; i++) {
		const struct mcsafe__engine *engine = &mcsafe__engines[i];
		size_t from;

		if (t_tool_cannot(engine->name) || mcsafe_engine_set(engine->name) != 0)
			continue;
		from = mcsafe__route.strings_from;
		assert_true(engine->rep_movsb || from == SIZE_MAX);
		for (size_t k = 0; k < T_LENGTH(lengths); k++)
			fill_around(engine, lengths[k]);
		if (from != SIZE_MAX) {
			assert_in_range(from, 4 * LINE, (PAGES - 1) * T_PAGE);
			for (size_t k = 0; k < 6; k++)
				fill(engine, from - 3 + k, from + 5);
			for (size_t k = 0; k < 6; k++)
				fill(engine, from - 3 + k, t_rng_below(&rng, from - 3));
		}
		print_message("%s: REP STOSB from %zu bytes on\n", engine->name, from);
		n_engines++;
	}
	assert_int_equal(mcsafe_engine_set(NULL), 0);
	assert_int_not_equal(n_engines, 0);
	print_message("%zu fills\n", n_fills);
	t_region_close(&region);
}

/* The same lengths, whatever this processor fills them by: so that no processor leaves it out. */
static void test_strings_are_exact_at_every_byte(void **state)
{
	size_t step = t_stride(13, 13);

	(void)state;
	if (t_tool_cannot("erms"))
		t_skip("valgrind cannot tell where REP STOSB stopped");
	t_install();
	t_region_need(&region, t_fault_kind("prot_none"), 2, 1);
	t_region_fill(&region, t_fill);
	for (size_t n = 0; n < 700; n += n < 200 ? 1 : 37)
		for (size_t good = 0; good <= n; good += step) {
			struct mcsafe_fault fault = {.extent = 4711};
			size_t left = mcsafe__set_erms(region.bad - good, VALUE, n, &fault);

			assert_int_equal(left, n - good);
			check_bytes(region.bad - good, n, good);
			if (left != 0)
				assert_ptr_equal(fault.addr, region.bad);
			else
				assert_int_equal(fault.extent, 4711);
		}
	t_region_close(&region);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fills_of_every_engine_are_exact),
		cmocka_unit_test(test_strings_are_exact_at_every_byte),
	};

	return t_run("copy.long_fills", tests, T_LENGTH(tests));
}
