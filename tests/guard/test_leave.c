/* SPDX-License-Identifier: BSD-3-Clause */
/* test_leave.c - a guard is one statement, and is disarmed whichever way the body is left */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "bad_page.h"
#include "base/msan.h"
#include "child.h"
#include "guard/guard.h"

static struct t_bad_page memory;

static int leave_by_return(struct mcsafe_guard *guard)
{
	MCSAFE_TRY(guard, memory.bad, T_PAGE) {
		return 1;
	}
	MCSAFE_CATCH(guard) {
		return 2;
	}
	return 3;
}

static int leave_by_goto(struct mcsafe_guard *guard)
{
	MCSAFE_TRY(guard, memory.bad, T_PAGE) {
		goto out;
	}
	MCSAFE_CATCH(guard) {
		return 2;
	}
	return 3;
out:
	return 1;
}

/* break and continue leave the surrounding loop, and not a loop of the macro. */
static int leave_by_break(struct mcsafe_guard *guard)
{
	volatile int rounds = 0;

	for (;;) {
		rounds++;
		MCSAFE_TRY(guard, memory.bad, T_PAGE) {
			if (rounds < 3)
				continue;
			break;
		}
		MCSAFE_CATCH(guard) {
			return 2;
		}
		return 3;
	}
	return rounds == 3 ? 1 : 4;
}

static int leave_by_the_end(struct mcsafe_guard *guard)
{
	MCSAFE_TRY(guard, memory.bad, T_PAGE) {
		t_read_byte(memory.good);
	}
	MCSAFE_CATCH(guard) {
		return 2;
	}
	mcsafe__msan_written(&guard->outer, sizeof(void *)); /* by guard.S */
	CHECK_PTR_EQ(mcsafe__guard_top, guard->outer);
	return 1;
}

/* After a fault: break, continue and return in the second part. */
static int leave_by_fault(struct mcsafe_guard *guard)
{
	volatile int rounds = 0;

	for (;;) {
		MCSAFE_TRY(guard, memory.bad, T_PAGE) {
			t_read_byte(memory.bad);
		}
		MCSAFE_CATCH(guard) {
			if (++rounds < 3)
				continue;
			break;
		}
		return 3;
	}
	return rounds == 3 ? 1 : 4;
}

static void expect_chain(int (*way)(struct mcsafe_guard *))
{
	struct mcsafe_guard outer, guard;
	volatile int faults = 0;

	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
	CHECK_EQ(way(&guard), 1);
	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
	MCSAFE_TRY(&outer, memory.bad, T_PAGE) {
		CHECK_EQ(way(&guard), 1);
		CHECK_PTR_EQ(mcsafe__guard_top, &outer);
		t_read_byte(memory.bad);
	}
	MCSAFE_CATCH(&outer) {
		faults++;
	}
	CHECK_EQ(faults, 1);
	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
}

IN_CHILD(test_every_way_out_disarms)
{
	CHECK_EQ(mcsafe_install(), 0);
	expect_chain(leave_by_return);
	expect_chain(leave_by_goto);
	expect_chain(leave_by_break);
	expect_chain(leave_by_the_end);
	expect_chain(leave_by_fault);
}

static void read_after(int (*way)(struct mcsafe_guard *))
{
	struct mcsafe_guard guard;

	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(way(&guard), 1);
	t_read_byte(memory.bad);
}

static void after_return(void *arg)
{
	(void)arg;
	read_after(leave_by_return);
}

static void after_break(void *arg)
{
	(void)arg;
	read_after(leave_by_break);
}

static void after_goto(void *arg)
{
	(void)arg;
	read_after(leave_by_goto);
}

static void after_the_end(void *arg)
{
	(void)arg;
	read_after(leave_by_the_end);
}

static void test_a_fault_after_the_body_kills(void **state)
{
	(void)state;
	t_dies(after_return, NULL, SIGSEGV);
	t_dies(after_break, NULL, SIGSEGV);
	t_dies(after_goto, NULL, SIGSEGV);
	t_dies(after_the_end, NULL, SIGSEGV);
}

/* An "else" belongs to the "if" before it, and not to the macro. */
static int choose(int guarded, struct mcsafe_guard *guard)
{
	if (guarded)
		MCSAFE_TRY(guard, memory.bad, T_PAGE) {
			t_read_byte(memory.bad);
		}
	MCSAFE_CATCH(guard) {
		return 1;
	}
	else return 2;
	return 3;
}

IN_CHILD(test_it_is_one_statement)
{
	struct mcsafe_guard guard;

	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(choose(1, &guard), 1);
	CHECK_EQ(choose(0, &guard), 2);
}

/* A program must not leave the body by longjmp(3). Arming the guard again is survived. */
IN_CHILD(test_one_guard_can_be_armed_again)
{
	static jmp_buf back;
	static struct mcsafe_guard guard;
	volatile int rounds = 0, faults = 0;

	CHECK_EQ(mcsafe_install(), 0);
	while (rounds < 3)
		if (setjmp(back) == 0) {
			MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
				rounds++;
				longjmp(back, 1);
			}
			MCSAFE_CATCH(&guard) {
				UNREACHED("no fault");
			}
		}
	MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
		t_read_byte(memory.bad);
	}
	MCSAFE_CATCH(&guard) {
		faults++;
	}
	CHECK_EQ(faults, 1);
	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
}

/* A guard that its body has disarmed must not take others off the chain. */
IN_CHILD(test_a_disarmed_guard_can_be_disarmed_again)
{
	struct mcsafe_guard guard, armed;

	CHECK_EQ(mcsafe_install(), 0);
	MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
		CHECK_PTR_EQ(mcsafe__guard_top, &guard);
	}
	MCSAFE_CATCH(&guard) {
		UNREACHED("no fault");
	}
	MCSAFE_TRY(&armed, memory.bad, T_PAGE) {
		mcsafe_guard_disarm(&guard);
		CHECK_PTR_EQ(mcsafe__guard_top, &armed);
	}
	MCSAFE_CATCH(&armed) {
		UNREACHED("no fault");
	}
	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
}

/* The arrays are there so that AddressSanitizer poisons the stack around them. */
/* NOLINTNEXTLINE(misc-no-recursion): it makes many frames. */
static void fault_among_arrays(unsigned depth)
{
	char array[64], another[200];

	__asm__ volatile("" : : "r"(array), "r"(another) : "memory");
	if (depth > 0)
		fault_among_arrays(depth - 1);
	else
		t_read_byte(memory.bad);
	__asm__ volatile("" : : "r"(array), "r"(another) : "memory");
}

/* This function sets no marks of its own. It finds those that were left. */
__attribute__((noinline, no_sanitize_address)) static void use_the_stack(void)
{
	char room[32768];

	memset(room, 1, sizeof(room));
	__asm__ volatile("" : : "r"(room) : "memory");
}

/* With ThreadSanitizer, the number of calls would overflow. */
IN_CHILD(test_sanitizers_know_what_was_left)
{
	struct mcsafe_guard guard;
	volatile int faults = 0;

	CHECK_EQ(mcsafe_install(), 0);
	for (volatile int round = 0; round < 5000; round++) {
		MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
			fault_among_arrays(40);
		}
		MCSAFE_CATCH(&guard) {
			faults++;
			use_the_stack();
		}
	}
	CHECK_EQ(faults, 5000);
}

/* The inner guard is disarmed with the outer one, whose function may be over by then. */
static void test_an_outer_guard_takes_the_inner_ones_along(void **state)
{
	volatile char *volatile bad = memory.bad;
	struct mcsafe_guard outer, inner, outermost;
	volatile int caught = 0;

	(void)state;
	assert_int_equal(mcsafe_install(), 0);
	MCSAFE_TRY(&outermost, memory.bad, T_PAGE) {
		MCSAFE_TRY(&outer, memory.bad, T_PAGE) {
			MCSAFE_TRY(&inner, memory.bad, T_PAGE) {
				mcsafe_guard_disarm(&outer);
			}
			MCSAFE_CATCH(&inner) {
				caught = 1;
			}
			(void)*bad;
		}
		MCSAFE_CATCH(&outer) {
			caught = 2;
		}
	}
	MCSAFE_CATCH(&outermost) {
		caught = 3;
	}
	assert_int_equal(caught, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_outer_guard_takes_the_inner_ones_along),
		cmocka_unit_test(test_every_way_out_disarms),
		cmocka_unit_test(test_a_fault_after_the_body_kills),
		cmocka_unit_test(test_it_is_one_statement),
		cmocka_unit_test(test_one_guard_can_be_armed_again),
		cmocka_unit_test(test_a_disarmed_guard_can_be_disarmed_again),
		cmocka_unit_test(test_sanitizers_know_what_was_left),
	};

	memory = t_bad_page(T_PROT_NONE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
