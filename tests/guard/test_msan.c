/* SPDX-License-Identifier: BSD-3-Clause */
/* test_msan.c - what MemorySanitizer knows of a guard and its record after a fault */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <sanitizer/msan_interface.h>
#include <string.h>

#include "bad_page.h"
#include "child.h"

static struct t_bad_page memory;
static struct mcsafe_guard outer, guard; /* static, because the second parts read them */
static volatile uint64_t kept;

/* An uninitialized result. Its shadow is in the same place as that of the next call. */
static __attribute__((noinline)) uint64_t uninitialized(void)
{
	uint64_t value = 0;

	__msan_poison(&value, sizeof(value));
	return value;
}

static void poison_guards(void)
{
	__msan_poison(&outer, sizeof(outer));
	__msan_poison(&guard, sizeof(guard));
}

/* The second result and the record are initialized. The bytes copied before keep their shadow. */
IN_CHILD(test_record_and_result_are_known_after_a_fault)
{
	static char from[8], to[8];

	CHECK_EQ(mcsafe_install(), 0);
	memory = t_bad_page(T_PROT_NONE);
	poison_guards();
	__msan_poison(from + 3, 1);
	__msan_poison(to, sizeof(to));
	MCSAFE_TRY(&outer, memory.bad, T_PAGE) {
		MCSAFE_TRY(&guard, memory.good, T_PAGE) {
			for (size_t i = 0; i < sizeof(to); i++)
				to[i] = ((volatile char *)from)[i];
			MCSAFE_GUARD_BARRIER();
			kept = uninitialized();
			t_read_byte(memory.bad);
			UNREACHED("the body goes on");
		}
		MCSAFE_CATCH(&guard) {
			UNREACHED("not its window");
		}
	}
	MCSAFE_CATCH(&outer) {
		CHECK_EQ(__msan_test_shadow(&outer.fault, sizeof(outer.fault)), -1);
		CHECK_EQ(__msan_test_shadow(&outer.window, sizeof(outer.window)), -1);
		CHECK_EQ(__msan_test_shadow(&outer.offset, sizeof(outer.offset)), -1);
		CHECK_EQ(__msan_test_shadow(&guard.fault, sizeof(guard.fault)), 0);
		CHECK_EQ(__msan_test_shadow(to, sizeof(to)), 3);
		CHECK_EQ(__msan_test_shadow(&kept, sizeof(kept)), 0);
		CHECK_EQ(outer.fault.cause, MCSAFE_CAUSE_PROTECTED);
		return;
	}
	UNREACHED("no fault");
}

/* mcsafe_guard_enter() itself, as programs call it in macros of their own. */
IN_CHILD(test_record_is_known_where_a_guard_is_entered_by_hand)
{
	static const struct mcsafe_window anywhere = {MCSAFE_ANYWHERE};

	CHECK_EQ(mcsafe_install(), 0);
	memory = t_bad_page(T_PROT_NONE);
	poison_guards();
	guard.windows = &anywhere;
	guard.n_windows = 1;
	if (mcsafe_guard_enter(&guard) == 0) {
		kept = uninitialized();
		t_read_byte(memory.bad);
		UNREACHED("the body goes on");
	}
	CHECK_EQ(guard.fault.cause, MCSAFE_CAUSE_PROTECTED);
}

struct copy {
	char from[8], to[8];
};

static void copy_and_fail(void *arg)
{
	struct copy *copy = arg;

	memcpy(copy->to, copy->from, sizeof(copy->to));
	t_read_byte(memory.bad);
}

IN_CHILD(test_record_is_known_after_a_function_that_was_called)
{
	struct mcsafe_fault fault;
	static struct copy copy;

	CHECK_EQ(mcsafe_install(), 0);
	memory = t_bad_page(T_PROT_NONE);
	__msan_poison(copy.from + 5, 1);
	__msan_poison(copy.to, sizeof(copy.to));
	__msan_poison(&fault, sizeof(fault));
	CHECK_LT(mcsafe_call(memory.bad, T_PAGE, copy_and_fail, &copy, &fault), 0);
	CHECK_EQ(__msan_test_shadow(&fault, sizeof(fault)), -1);
	CHECK_EQ(__msan_test_shadow(copy.to, sizeof(copy.to)), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record_and_result_are_known_after_a_fault),
		cmocka_unit_test(test_record_is_known_where_a_guard_is_entered_by_hand),
		cmocka_unit_test(test_record_is_known_after_a_function_that_was_called),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
