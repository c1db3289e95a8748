/* SPDX-License-Identifier: BSD-3-Clause */
/* test_loss.c - which granule is lost, from the fault record and from where the access stopped */
#include <errno.h>
#include <signal.h>
#include <stdint.h>

#include <mcsafe/fault.h>

#include "landing/fault.h"
#include "landing/landing.h"
#include "landing/loss.h"
#include "run.h"

#define PAGE   UINT64_C(0x7f0000004000)
#define SIZE   UINT64_C(0x1000)
#define NEXT   (PAGE + SIZE)
#define OTHERS UINT64_C(0x7f0000800000) /* another mapping of the same memory */
#define MUCH   (16 * SIZE)

#define SOURCE      MCSAFE_SIDE_SOURCE
#define DESTINATION MCSAFE_SIDE_DESTINATION

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order in which it is read. */
static const struct {
	const char *what;
	enum mcsafe_cause cause;
	enum mcsafe_side side;
	unsigned flags;
	uint64_t addr, at, n;
	uint64_t start, len;
	bool may_be_next;
} cases[] = {
	{"a page fault at the address", MCSAFE_CAUSE_PROTECTED, SOURCE, 0, PAGE + 9, PAGE + 9, MUCH,
	 PAGE, SIZE, false},
	{"a page fault that names the start of the page", MCSAFE_CAUSE_IO, SOURCE, 0, PAGE,
	 PAGE + SIZE - 1, MUCH, PAGE, SIZE, false},
	{"a page fault stops at the very byte", MCSAFE_CAUSE_PROTECTED, SOURCE, 0, NEXT, NEXT - 1,
	 MUCH, PAGE, SIZE, false},
	{"an address that is not canonical", MCSAFE_CAUSE_ADDRESS, SOURCE, 0, 0, PAGE + 5, 77,
	 PAGE + 5, 77, false},

	{"poison 7 bytes on", MCSAFE_CAUSE_POISON, SOURCE, 0, NEXT, NEXT - 7, MUCH, NEXT, SIZE,
	 false},
	{"poison 8 bytes on is elsewhere", MCSAFE_CAUSE_POISON, SOURCE, 0, NEXT, NEXT - 8, MUCH,
	 PAGE, SIZE, false},
	{"poison past the last byte is elsewhere", MCSAFE_CAUSE_POISON, SOURCE, 0, NEXT, NEXT - 7,
	 7, PAGE, SIZE, false},
	{"poison at the last byte", MCSAFE_CAUSE_POISON, SOURCE, 0, NEXT, NEXT - 7, 8, NEXT, SIZE,
	 false},
	{"a store does not fall short", MCSAFE_CAUSE_POISON, DESTINATION, 0, NEXT, NEXT - 7, MUCH,
	 PAGE, SIZE, false},
	{"an unknown cause can be poison", MCSAFE_CAUSE_UNKNOWN, SOURCE, 0, NEXT, NEXT - 7, MUCH,
	 NEXT, SIZE, false},

	{"another mapping, far from the end", MCSAFE_CAUSE_POISON, SOURCE, 0, OTHERS, PAGE + 9,
	 MUCH, PAGE, SIZE, false},
	{"another mapping, 7 bytes from the end", MCSAFE_CAUSE_POISON, SOURCE, 0, OTHERS, NEXT - 7,
	 MUCH, PAGE, SIZE, true},
	{"another mapping, 8 bytes from the end", MCSAFE_CAUSE_POISON, SOURCE, 0, OTHERS, NEXT - 8,
	 MUCH, PAGE, SIZE, false},
	{"another mapping, and nothing past the end", MCSAFE_CAUSE_POISON, SOURCE, 0, OTHERS,
	 NEXT - 7, 7, PAGE, SIZE, false},
	{"another mapping, and one byte past the end", MCSAFE_CAUSE_POISON, SOURCE, 0, OTHERS,
	 NEXT - 7, 8, PAGE, SIZE, true},

	{"a string a page before", MCSAFE_CAUSE_POISON, SOURCE, MCSAFE_FAULT_MAY_FALL_SHORT, NEXT,
	 PAGE, MUCH, NEXT, SIZE, false},
	{"a string more than a page before", MCSAFE_CAUSE_POISON, SOURCE,
	 MCSAFE_FAULT_MAY_FALL_SHORT, NEXT, PAGE - 1, MUCH, PAGE - SIZE, SIZE, true},
	{"a string in another mapping, at the start of a page", MCSAFE_CAUSE_POISON, SOURCE,
	 MCSAFE_FAULT_MAY_FALL_SHORT, OTHERS, PAGE, MUCH, PAGE, SIZE, true},
};

static void test_the_lost_granule_is_in_reach_of_the_access(void **state)
{
	(void)state;
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		const struct mcsafe_fault fault = {
			.cause = cases[i].cause,
			.side = cases[i].side,
			.flags = cases[i].flags,
			.addr = (void *)cases[i].addr,
		};
		struct mcsafe__loss loss = mcsafe__loss_at(&fault, cases[i].at, cases[i].n, SIZE);

		if (loss.start != cases[i].start || loss.len != cases[i].len ||
		    loss.may_be_next != cases[i].may_be_next)
			fail_msg("%s: %#zx, %zu bytes, %s next one", cases[i].what,
				 (size_t)loss.start, loss.len,
				 loss.may_be_next ? "or the" : "not the");
	}
}

static void test_a_granule_is_the_extent_but_no_less_than_a_page(void **state)
{
	static const struct {
		size_t extent, least, granule;
	} granules[] = {
		{0, 4096, 4096},    {64, 4096, 4096},         {4096, 4096, 4096},
		{8192, 4096, 8192}, {1 << 21, 4096, 1 << 21}, {4096, 1 << 21, 1 << 21},
	};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(granules); i++) {
		const struct mcsafe_fault fault = {.extent = granules[i].extent};

		assert_int_equal(mcsafe__granule(&fault, granules[i].least), granules[i].granule);
	}
}

/* Extents as the kernel tells them, and as it cannot. */
static void test_the_extent_is_that_of_the_signal(void **state)
{
	(void)state;
	for (unsigned lsb = 0; lsb < 256; lsb++) {
		const struct mcsafe__landing landing = {
			.facts = mcsafe__facts_pack(SIGBUS, BUS_MCEERR_AR, lsb, MCSAFE_ROW_LOAD)};
		struct mcsafe_fault fault;

		mcsafe__fault_from_landing(&fault, &landing, NULL);
		assert_int_equal(fault.extent, lsb == 0 || lsb > 63 ? 0 : UINT64_C(1) << lsb);
	}
}

static void test_every_cause_has_a_name_and_an_error(void **state)
{
	/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): as it is read. */
	static const struct {
		enum mcsafe_cause cause;
		const char *name;
		int error;
	} causes[] = {
		{MCSAFE_CAUSE_NONE, "none", 0},
		{MCSAFE_CAUSE_POISON, "poison", EHWPOISON},
		{MCSAFE_CAUSE_IO, "io", EIO},
		{MCSAFE_CAUSE_UNMAPPED, "unmapped", EFAULT},
		{MCSAFE_CAUSE_PROTECTED, "protected", EFAULT},
		{MCSAFE_CAUSE_PKEY, "pkey", EFAULT},
		{MCSAFE_CAUSE_ADDRESS, "address", EFAULT},
		{MCSAFE_CAUSE_UNKNOWN, "unknown", EFAULT},
		/* Of a later version. */
		{(enum mcsafe_cause)(MCSAFE_CAUSE_UNKNOWN + 1), "unknown", EFAULT},
		{(enum mcsafe_cause)255, "unknown", EFAULT},
	};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(causes); i++) {
		const struct mcsafe_fault fault = {.cause = causes[i].cause};

		assert_string_equal(mcsafe_cause_name(causes[i].cause), causes[i].name);
		assert_int_equal(mcsafe_fault_errno(&fault), causes[i].error);
	}
	assert_int_equal(mcsafe_fault_errno(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_lost_granule_is_in_reach_of_the_access),
		cmocka_unit_test(test_a_granule_is_the_extent_but_no_less_than_a_page),
		cmocka_unit_test(test_the_extent_is_that_of_the_signal),
		cmocka_unit_test(test_every_cause_has_a_name_and_an_error),
	};

	return t_run("landing.loss", tests, T_LENGTH(tests));
}
