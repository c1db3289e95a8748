/* SPDX-License-Identifier: BSD-3-Clause */
/* test_kinds.c - each kind of bad memory that needs no privilege, and windows around it */
#include <mcsafe/inject.h>
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "basics.h"

static const enum mcsafe_inject_kind kinds[] = {
	MCSAFE_INJECT_POISON,
	MCSAFE_INJECT_GUARD,
	MCSAFE_INJECT_PROTECT,
	MCSAFE_INJECT_EOF,
};

/* From the page before the bad one to the page after it; all of it holds 'x'. */
static unsigned char *memory;

static void walk(void *arg)
{
	const volatile unsigned char *p = arg;

	for (size_t i = 0; i < 3 * T_PAGE - (size_t)(p - memory); i += 512)
		if (p[i] != 'x')
			fail_msg("wrong byte");
}

struct relation {
	size_t from, to; /* the window */
	size_t at;       /* what is touched first */
	int inside;
	size_t offset; /* of the first lost byte in the window */
};

static const struct relation relations[] = {
	{0, 3 * T_PAGE, 0, 1, T_PAGE},
	{T_PAGE, 2 * T_PAGE, T_PAGE, 1, 0},
	{T_PAGE, 2 * T_PAGE, 2 * T_PAGE - 512, 1, T_PAGE - 512},
	{T_PAGE, T_PAGE + 1, T_PAGE, 1, 0},
	{T_PAGE - 1, T_PAGE + 1, T_PAGE, 1, 1},
	{2 * T_PAGE - 1, 2 * T_PAGE, 2 * T_PAGE - 512, 1, 0},
	{T_PAGE + 1, 2 * T_PAGE, T_PAGE + 7, 1, 6},
	{T_PAGE + 512, 2 * T_PAGE, T_PAGE + 7, 1, 0},
	{T_PAGE - 2, T_PAGE + 2, T_PAGE + 7, 1, 2},
	{0, T_PAGE, T_PAGE, 0, 0},
	{2 * T_PAGE, 3 * T_PAGE, T_PAGE + 512, 0, 0},
};

/* If the fault is not in the inner window, it goes to the outer call. */
struct nested {
	const struct relation *relation;
	int err;
	struct mcsafe_guard guard;
};

static void call_inner(void *arg)
{
	struct nested *nested = arg;
	const struct relation *r = nested->relation;
	const struct mcsafe_window window = {memory + r->from, r->to - r->from};

	nested->err = mcsafe_call_windows(&window, 1, walk, memory + r->at, &nested->guard);
}

static void try_relation(const struct relation *relation, const struct mcsafe_fault *expected)
{
	struct nested nested = {.relation = relation};
	struct mcsafe_fault fault;
	size_t at = relation->at < T_PAGE ? T_PAGE : relation->at;
	int err;

	memset(&fault, 0, sizeof(fault));
	err = mcsafe_call(MCSAFE_ANYWHERE, call_inner, &nested, &fault);
	if (!relation->inside) {
		assert_int_equal(err, -mcsafe_fault_errno(expected));
	} else {
		assert_int_equal(err, 0);
		assert_int_equal(nested.err, -mcsafe_fault_errno(expected));
		assert_int_equal(nested.guard.offset, relation->offset);
		fault = nested.guard.fault;
	}
	assert_int_equal(fault.signo, expected->signo);
	assert_int_equal(fault.code, expected->code);
	assert_int_equal(fault.cause, expected->cause);
	assert_int_equal(fault.extent, expected->extent);
	assert_int_equal(fault.side, MCSAFE_SIDE_SOURCE);
	assert_ptr_equal(fault.addr, memory + at);
}

/* A guard must say the same of the memory as a copy. */
static void test_a_guard_says_of_every_kind_what_a_copy_says(void **state)
{
	unsigned tried = 0;

	(void)state;
	assert_int_equal(mcsafe_install(), 0);
	for (size_t k = 0; k < T_LENGTH(kinds); k++) {
		struct mcsafe_fault expected;
		char byte;

		memory = mmap(NULL, 3 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			      -1, 0);
		assert_ptr_not_equal(memory, MAP_FAILED);
		memset(memory, 'x', 3 * T_PAGE);
		if (mcsafe_inject(memory + T_PAGE, T_PAGE, kinds[k]) != 0) {
			print_message("left out: %s: %s\n", mcsafe_inject_kind_name(kinds[k]),
				      mcsafe_inject_reason());
			assert_true(getenv("MCSAFE_NO_SKIP") == NULL ||
				    strcmp(getenv("MCSAFE_NO_SKIP"), "1") != 0);
			continue;
		}
		assert_int_equal(mcsafe_memcpy(&byte, memory + T_PAGE, 1, &expected), 1);
		for (size_t i = 0; i < T_LENGTH(relations); i++)
			try_relation(&relations[i], &expected);
		assert_int_equal(mcsafe_inject_clear(memory + T_PAGE, T_PAGE), 0);
		assert_int_equal(mcsafe_call(memory, 3 * T_PAGE, walk, memory, NULL), 0);
		assert_int_equal(munmap(memory, 3 * T_PAGE), 0);
		tried++;
	}
	assert_true(tried >= 2); /* the last two need no special kernel */
	assert_int_equal(mcsafe_uninstall(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_guard_says_of_every_kind_what_a_copy_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
