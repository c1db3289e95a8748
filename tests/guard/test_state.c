/* SPDX-License-Identifier: BSD-3-Clause */
/* test_state.c - after a jump all that a function must keep is as before the body changed it */
#include <mcsafe/mcsafe.h>

#include "run.h"
#include "state.h"

#include <errno.h>
#include <fenv.h>
#include <sys/mman.h>
#include <unistd.h>

static struct mcsafe_guard guard;
static const unsigned char *bad;
static volatile int landed;
static uint16_t x87_tags;

/* The compiler is not told of these changes: the code after the fault is not reached. */
static void ruin_everything_and_fault(void)
{
	if (__builtin_cpu_supports("avx2"))
		__asm__ volatile("vpcmpeqd %%ymm0, %%ymm0, %%ymm0\n"
				 "vmovdqa %%ymm0, %%ymm7\n"
				 "vmovdqa %%ymm0, %%ymm15\n" ::
					 : "memory");
	__asm__ volatile("fld1\nfld1\nfld1\nfld1\nfld1\nfldpi\nfldpi\nfldpi\n"
			 "movq $-1, %%rbx\n"
			 "movq $-2, %%rbp\n"
			 "movq $-3, %%r12\n"
			 "movq $-4, %%r13\n"
			 "movq $-5, %%r14\n"
			 "movq $-6, %%r15\n"
			 "pushq $0\npushq $0\npushq $0\n"
			 "std\n"
			 "movb (%0), %%al\n"
			 :
			 : "D"(bad)
			 : "memory", "rax");
}

static void guarded(void)
{
	MCSAFE_TRY(&guard, bad, T_PAGE) {
		ruin_everything_and_fault();
	}
	MCSAFE_CATCH(&guard) {
		struct {
			uint16_t words[14];
		} environment;

		__asm__ volatile("fnstenv %0\nfldenv %0" : "=m"(environment));
		x87_tags = environment.words[4];
		landed++;
	}
}

static void guarded_call(void)
{
	if (mcsafe_call(bad, T_PAGE, (void (*)(void *))(void (*)(void))ruin_everything_and_fault,
			NULL, NULL) != 0)
		landed++;
}

static void expect_no_damage(void (*fn)(void))
{
	struct t_state state;

	t_install();
	t_state_init(&state);
	for (int round = 1; round <= 10; round++) {
		landed = 0;
		t_state_call(&state, fn, 0, 0, 0, 0);
		assert_int_equal(landed, 1);
		if (t_state_damage(&state) != 0)
			fail_msg("round %d: changed: %s", round,
				 t_state_damage_name(t_state_damage(&state)));
	}
}

static void test_try_keeps_the_state(void **unused)
{
	(void)unused;
	expect_no_damage(guarded);
	assert_int_equal(x87_tags, 0xffff); /* all empty */
}

static void test_call_keeps_the_state(void **unused)
{
	(void)unused;
	expect_no_damage(guarded_call);
}

/* With a full x87 stack, the next computation would give NaN. */
static void test_x87_works_after_a_jump(void **unused)
{
	volatile long double three = 3;

	(void)unused;
	t_install();
	for (int round = 0; round < 10; round++) {
		guarded();
		assert_true((three + 4) * 2 == 14);
	}
}

/* errno is that of the fault: neither the signal nor the jump changes it. */
static void test_errno_is_that_of_the_fault(void **unused)
{
	struct mcsafe_guard inner;

	(void)unused;
	t_install();
	errno = 1;
	MCSAFE_TRY(&inner, bad, T_PAGE) {
		errno = 4711;
		(void)*(const volatile unsigned char *)bad;
	}
	MCSAFE_CATCH(&inner) {
		assert_int_equal(errno, 4711);
		return;
	}
	fail();
}

/* Not the defaults, because the kernel sets the defaults for a signal handler. */
static void test_rounding_is_that_of_the_fault(void **unused)
{
	struct mcsafe_guard inner;
	volatile int caught = 0;

	(void)unused;
	t_install();
	assert_int_equal(fesetround(FE_DOWNWARD), 0);
	MCSAFE_TRY(&inner, bad, T_PAGE) {
		(void)*(const volatile unsigned char *)bad;
	}
	MCSAFE_CATCH(&inner) {
		caught++;
		assert_int_equal(fegetround(), FE_DOWNWARD);
	}
	MCSAFE_TRY(&inner, bad, T_PAGE) {
		assert_int_equal(fesetround(FE_UPWARD), 0);
		(void)*(const volatile unsigned char *)bad;
	}
	MCSAFE_CATCH(&inner) {
		caught++;
		assert_int_equal(fegetround(), FE_UPWARD);
	}
	assert_int_equal(caught, 2);
	assert_int_equal(fesetround(FE_TONEAREST), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_try_keeps_the_state),
		cmocka_unit_test(test_call_keeps_the_state),
		cmocka_unit_test(test_x87_works_after_a_jump),
		cmocka_unit_test(test_errno_is_that_of_the_fault),
		cmocka_unit_test(test_rounding_is_that_of_the_fault),
	};

	bad = mmap(NULL, T_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bad == MAP_FAILED)
		return 1;
	return t_run("guard.state", tests, T_LENGTH(tests));
}
