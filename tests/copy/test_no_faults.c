/* SPDX-License-Identifier: BSD-3-Clause */
/* test_no_faults.c - good memory: every length up to two pages, and 16 x 16 offsets */
#include <string.h>

#include "copies.h"
#include "pattern.h"
#include "region.h"
#include "run.h"
#include "state.h"
#include "tool.h"
#include "trial.h"
#include "witness.h"

#define LONGEST  ((size_t)8191)
#define OFFSETS  16
#define RED_ZONE ((size_t)T_RED_ZONE)
#define PAGES    3 /* good ones, so that LONGEST and the red zones fit in */

/*
 * The oracle of the other sweeps is too slow for two million copies of four thousand bytes. Here
 * the destination is compared with the source, and has red zones.
 */
struct arena {
	struct t_region src;
	struct t_region dst;
	struct t_state state;
	unsigned char red[LONGEST + 2 * RED_ZONE]; /* the destination before a copy */
	unsigned char constant[LONGEST];
	size_t copies;
};

static struct arena arena;
static size_t stride; /* of lengths */

static void open_arena(void)
{
	const struct t_fault_kind *kind = t_fault_kind("prot_none");

	t_install();
	stride = t_stride(7, 499);
	t_state_init(&arena.state);
	t_region_need(&arena.src, kind, PAGES, 1);
	t_region_need(&arena.dst, kind, PAGES, 1);
	t_region_fill(&arena.src, t_data);
	for (size_t i = 0; i < sizeof(arena.red); i++)
		arena.red[i] = t_fill(i);
	memset(arena.constant, T_SET_TO, LONGEST);
}

static void close_arena(void)
{
	memcpy(arena.dst.image, arena.dst.good, PAGES * T_PAGE);
	t_region_close(&arena.dst);
	t_region_close(&arena.src);
}

/* What the destination must hold, computed and not read from the source. */
static const unsigned char *original(const struct t_copy *copy, const unsigned char *src)
{
	return copy->work == T_SETS ? arena.constant : arena.src.image + (src - arena.src.good);
}

/* The bytes before and after dst that are checked, unless they are the guard pages. */
static void once(const struct t_copy *copy, unsigned char *dst, const unsigned char *src, size_t n)
{
	size_t before = (size_t)(dst - arena.dst.good), behind = (size_t)(arena.dst.bad - dst) - n;
	static const struct mcsafe_fault unwritten = {.extent = 1};
	struct mcsafe_fault record = unwritten; /* an engine's landing fits also */
	const char *bad = NULL;
	uint64_t args[4];
	size_t left;

	before = before < RED_ZONE ? before : RED_ZONE;
	behind = behind < RED_ZONE ? behind : RED_ZONE;
	memcpy(dst - before, arena.red, before + n + behind);
	t_copy_arguments(copy, args, dst, src, n, &record);
	left = t_state_call(&arena.state, copy->fn, args[0], args[1], args[2], args[3]);
	arena.copies++;
	if (left != 0)
		bad = "it stopped";
	else if (memcmp(dst, original(copy, src), n) != 0)
		bad = "wrong data";
	else if (memcmp(dst - before, arena.red, before) != 0)
		bad = "it wrote before the destination";
	else if (memcmp(dst + n, arena.red + before + n, behind) != 0)
		bad = "it wrote past the destination";
	else if (memcmp(&record, &unwritten, sizeof(record)) != 0)
		bad = "it wrote a record";
	else if (t_state_damage(&arena.state) != 0)
		bad = t_state_damage_name(t_state_damage(&arena.state));
	if (bad != NULL)
		fail_msg("%s, %zu bytes, source at %td of %zu, destination at %td: %s", copy->name,
			 n, src - arena.src.good, PAGES * T_PAGE, dst - arena.dst.good, bad);
}

/* Every length for an engine. An entry point calls one, so some of the long ones are enough. */
static size_t next_length(const struct t_copy *copy, size_t n)
{
	return n + stride * (t_copy_is_engine(copy) || n < 300 ? 1 : 61);
}

/* The source begins right after the guard page. Below the destination is a red zone. */
static void every_length_and_offset(const struct t_copy *copy)
{
	for (size_t n = 1; n <= LONGEST; n = next_length(copy, n))
		for (size_t s = 0; s < OFFSETS; s++)
			for (size_t d = 0; d < OFFSETS; d++)
				once(copy, arena.dst.good + RED_ZONE + d, arena.src.good + s, n);
}

/*
 * Nothing outside is touched: both operands end at a bad page, and then both begin after one. A
 * touch would be recovered, so the witness counts the signals.
 */
static void every_length_between_bad_pages(const struct t_copy *copy)
{
	t_witness_start();
	for (size_t n = 1; n <= LONGEST; n = next_length(copy, n)) {
		once(copy, arena.dst.bad - n, arena.src.bad - n, n);
		once(copy, arena.dst.good, arena.src.good, n);
		once(copy, arena.dst.bad - n, arena.src.good, n);
		once(copy, arena.dst.good, arena.src.bad - n, n);
		if (t_witness.n != 0)
			fail_msg("%s, %zu bytes: memory outside was touched", copy->name, n);
	}
	t_witness_stop();
}

static void with_every_copy(void (*test)(const struct t_copy *copy))
{
	open_arena();
	for (size_t i = 0; i < t_n_copies; i++) {
		if (t_copies[i].work == T_FLUSHES) /* has nothing to show for itself */
			continue;
		if (!t_copy_is_possible(&t_copies[i])) {
			print_message("left out: %s\n", t_copies[i].name);
			continue;
		}
		arena.copies = 0;
		test(&t_copies[i]);
		print_message("%s: %zu copies\n", t_copies[i].name, arena.copies);
	}
	close_arena();
}

static void test_every_length_and_offset_is_copied(void **state)
{
	(void)state;
	with_every_copy(every_length_and_offset);
}

static void test_every_length_is_copied_between_bad_pages(void **state)
{
	(void)state;
	with_every_copy(every_length_between_bad_pages);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_length_and_offset_is_copied),
		cmocka_unit_test(test_every_length_is_copied_between_bad_pages),
	};

	return t_run("copy.no_faults", tests, T_LENGTH(tests));
}
