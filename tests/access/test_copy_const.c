/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_copy_const.c - mcsafe_copy_const() of each length, on every kind of fault, by the oracle
 *
 * The lengths are constants, so there is one function for each.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <mcsafe/access.h>

#include "pattern.h"
#include "run.h"
#include "sanitizer.h"
#include "tool.h"
#include "trial.h"
#include "witness.h"

#define LONGEST 19 /* more than what is copied inline */

#define COPY(n)                                                    \
 static size_t copy_##n(void *dst, const void *src, size_t length) \
 {                                                                 \
  (void)length;                                                    \
  return mcsafe_copy_const(dst, src, n);                           \
 }

#define ENTRY(n) {#n " bytes", (void (*)(void))copy_##n, T_COPIES, T_RECORD_NONE, 0, {0}},

/* clang-format off */
/* All lengths that are copied inline, and some more: F(0) to F(19). */
#define ALL(F)                                                            \
 F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9)                        \
 F(10) F(11) F(12) F(13) F(14) F(15) F(16) F(17) F(18) F(19)

ALL(COPY)

static const struct t_copy copies[] = {
ALL(ENTRY)
};
/* clang-format on */

#if !MCSAFE_ACCESS_INLINE /* otherwise access.h declares them */
extern const struct mcsafe_row __start_mcsafe_access_rows[]
	__attribute__((weak, visibility("hidden")));
extern const struct mcsafe_row __stop_mcsafe_access_rows[]
	__attribute__((weak, visibility("hidden")));
#endif

/* At least two rows for each length, or none. */
static void test_the_copies_are_inline_where_they_can_be(void **state)
{
	size_t n = (size_t)(__stop_mcsafe_access_rows - __start_mcsafe_access_rows);

	(void)state;
#if !MCSAFE_ACCESS_INLINE || T_MEMORY_SANITIZER
	assert_int_equal(n, 0);
#elif defined(__OPTIMIZE__)
	assert_in_range(n, 2 * 16, SIZE_MAX);
#else
	assert_int_equal(n, 0);
#endif
}

static struct {
	struct t_region src, dst;
	struct t_state state;
	struct t_trial trial;
	size_t turn, stride;
} it;

/* The index of the first bad byte. */
static size_t good_bytes(ptrdiff_t distance)
{
	return distance > 0 ? (size_t)distance : 0;
}

/* C6: a bad source is read once. After a write fault the call tries again, byte by byte. */
static void check_signals(size_t left)
{
	size_t src = good_bytes(it.trial.src_distance), dst = good_bytes(it.trial.dst_distance);
	unsigned most = left == 0 ? 0 : src <= dst ? 1 : 3;

	if (t_witness.n > most || (left != 0 && t_witness.n == 0))
		fail_msg("%zu bytes, bad from %zu and %zu on: %u signals", it.trial.n, src, dst,
			 t_witness.n);
}

static void once(size_t n, ptrdiff_t src_distance, ptrdiff_t dst_distance)
{
	if (it.turn++ % it.stride != 0)
		return;
	it.trial.copy = &copies[n];
	it.trial.n = n;
	it.trial.src_distance = src_distance;
	it.trial.dst_distance = dst_distance;
	check_signals(t_trial_check(&it.trial));
}

static bool is_logged(const struct t_region *region)
{
	return region->load.signo == SIGBUS && region->load.code == BUS_MCEERR_AR;
}

static void open_regions(const struct t_fault_kind *src, const struct t_fault_kind *dst)
{
	const char *unsupported;

	memset(&it, 0, sizeof(it));
	t_install();
	t_state_init(&it.state);
	t_region_need(&it.src, src, 1, 1);
	unsupported = t_region_open(&it.dst, dst, 1, 1);
	if (unsupported != NULL) {
		t_region_close(&it.src);
		t_skip("%s: %s", dst->name, unsupported);
	}
	t_region_fill(&it.src, t_data);
	t_region_fill(&it.dst, t_fill);
	it.trial.src = &it.src;
	it.trial.dst = &it.dst;
	it.trial.state = &it.state;
	/* The kernel logs each access to poison. Primes, so that all lengths are tried. */
	it.stride = is_logged(&it.src) || is_logged(&it.dst) ? 101 : t_part(1, 11, 499);
	t_witness_start();
}

static void close_regions(void)
{
	t_witness_stop();
	t_region_close(&it.src);
	t_region_close(&it.dst);
}

/* The distance of an operand that is good, with this offset in a line. */
static ptrdiff_t good_distance(size_t offset)
{
	return (ptrdiff_t)(T_PAGE / 2 - offset);
}

static void test_good_memory(void **state)
{
	const struct t_fault_kind *kind = t_fault_kind("prot_none");

	(void)state;
	open_regions(kind, kind);
	for (size_t n = 0; n <= LONGEST; n++)
		for (size_t s = 0; s < 64; s++)
			for (size_t d = 0; d < 64; d++)
				once(n, good_distance(s), good_distance(d));
	close_regions();
}

/* The first bad byte is before the operand, in it, or immediately after it. */
static void sweep(enum mcsafe_side side, bool is_mapped)
{
	for (size_t n = 0; n <= LONGEST; n++)
		for (ptrdiff_t distance = is_mapped ? -3 : -63;
		     distance <= (is_mapped ? (ptrdiff_t)n : 0); distance++)
			for (size_t k = 0; k < 64; k++) {
				ptrdiff_t other = good_distance(k);

				if (side == MCSAFE_SIDE_SOURCE)
					once(n, distance, other);
				else
					once(n, other, distance);
			}
}

static void test_bad_source(void **state)
{
	const struct t_fault_kind *kind = *state;

	open_regions(kind, t_fault_kind("prot_none"));
	sweep(MCSAFE_SIDE_SOURCE, kind->mapped);
	close_regions();
}

static void test_bad_destination(void **state)
{
	const struct t_fault_kind *kind = *state;

	open_regions(t_fault_kind("prot_none"), kind);
	sweep(MCSAFE_SIDE_DESTINATION, kind->mapped);
	close_regions();
}

static void test_both_are_bad(void **state)
{
	const struct t_fault_kind *kind = t_fault_kind("prot_none");

	(void)state;
	open_regions(kind, kind);
	for (size_t n = 1; n <= LONGEST; n++)
		for (ptrdiff_t s = 0; s <= (ptrdiff_t)n; s++)
			for (ptrdiff_t d = 0; d <= (ptrdiff_t)n; d += 1 + (ptrdiff_t)n / 9)
				once(n, s, d);
	close_regions();
}

/* A length that is not constant. */
static void test_any_length(void **state)
{
	unsigned char src[200], dst[200];

	(void)state;
	t_install();
	for (size_t i = 0; i < sizeof(src); i++)
		src[i] = t_data(i);
	for (volatile size_t n = 0; n <= sizeof(src); n = n + 1) {
		memset(dst, 0, sizeof(dst));
		assert_int_equal(mcsafe_copy_const(dst, src, n), 0);
		assert_memory_equal(dst, src, n);
	}
	assert_int_equal(mcsafe_copy_const(NULL, NULL, 0), 0);
}

int main(void)
{
	struct CMUnitTest tests[64] = {
		cmocka_unit_test(test_the_copies_are_inline_where_they_can_be),
		cmocka_unit_test(test_any_length),
		cmocka_unit_test(test_good_memory),
		cmocka_unit_test(test_both_are_bad),
	};
	static char names[64][64];
	size_t n = 4;

	for (size_t i = 0; i < 2 * t_n_fault_kinds; i++) {
		const struct t_fault_kind *kind = &t_fault_kinds[i / 2];
		bool is_source = i % 2 == 0;

		if (!(kind->sides &
		      T_SIDE(is_source ? MCSAFE_SIDE_SOURCE : MCSAFE_SIDE_DESTINATION)))
			continue;
		snprintf(names[n], sizeof(names[n]), "%s %s", is_source ? "source" : "destination",
			 kind->name);
		tests[n] = (struct CMUnitTest){names[n],
					       is_source ? test_bad_source : test_bad_destination,
					       NULL, NULL, (void *)(uintptr_t)kind};
		n++;
	}
	return t_run("access.copy_const", tests, n);
}
