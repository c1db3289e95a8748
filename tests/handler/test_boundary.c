/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_boundary.c - faults while %rsp is exactly at an end of the alternate stack
 *
 * An ordinary stack may end where the alternate stack begins. The kernel takes %rsp to be on the
 * alternate stack if it is above the start, or at the end (on_sig_stack() in
 * include/linux/sched/signal.h). Each case runs without libmcsafe as well, which proves that.
 */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>

#include "bad_page.h"
#include "child.h"

#define STACK_SIZE ((size_t)64 * 1024)

static char *stacks; /* an ordinary stack, the alternate stack, another ordinary one */
static struct t_bad_page memory;
static volatile sig_atomic_t calls, on_stack;

static void look_and_heal(int signo)
{
	volatile char here = 0;

	(void)signo;
	(void)here;
	on_stack = (int)(((uintptr_t)&here - (uintptr_t)stacks) / STACK_SIZE);
	calls++;
	t_bad_page_heal(&memory);
}

/* Faults with %rsp at the start of the stack of that number. */
static void fault_at_start_of(size_t number)
{
	__asm__ volatile("movq	%%rsp, %%rbx\n\t"
			 "movq	%[top], %%rsp\n\t"
			 "movb	(%[bad]), %%al\n\t"
			 "movq	%%rbx, %%rsp"
			 :
			 : [top] "r"(stacks + number * STACK_SIZE), [bad] "r"(memory.bad)
			 : "rax", "rbx", "memory");
}

struct run {
	size_t number; /* of the stack at whose start %rsp is */
	int flags, with_us;
	int expected; /* the stack that the handler runs on */
};

static void check(void *arg)
{
	const struct run *run = arg;
	stack_t stack = {.ss_size = STACK_SIZE};

	stacks = mmap(NULL, 3 * STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	CHECK_PTR_NE(stacks, MAP_FAILED);
	stack.ss_sp = stacks + STACK_SIZE;
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	memory = t_bad_page(T_PROT_NONE);
	t_set_plain(SIGSEGV, look_and_heal, run->flags);
	if (run->with_us)
		CHECK_EQ(mcsafe_install(), 0);
	fault_at_start_of(run->number);
	CHECK_EQ(calls, 1);
	CHECK_EQ(on_stack, run->expected);
}

static void try_at(size_t number, int expected, int expected_onstack)
{
	for (int with_us = 0; with_us < 2; with_us++) {
		t_survives(check, (&(struct run){number, 0, with_us, expected}));
		t_survives(check, (&(struct run){number, SA_ONSTACK, with_us, expected_onstack}));
	}
}

static void test_the_start_of_the_alternate_stack_is_not_on_it(void **state)
{
	(void)state;
	try_at(1, 0, 1);
}

static void test_the_end_of_the_alternate_stack_is_on_it(void **state)
{
	(void)state;
	try_at(2, 1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_start_of_the_alternate_stack_is_not_on_it),
		cmocka_unit_test(test_the_end_of_the_alternate_stack_is_on_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
