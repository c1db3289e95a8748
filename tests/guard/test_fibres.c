/* SPDX-License-Identifier: BSD-3-Clause */
/* test_fibres.c - guards of fibres that swapcontext(3) switches, in one thread and in two */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "bad_page.h"
#include "child.h"
#include "guard/guard.h"
#include "tool.h"

#define STACK  ((size_t)256 * 1024)
#define FIBRES 3
#define ROUNDS 20

/* What a library of fibres keeps. */
struct fibre {
	ucontext_t context;
	struct mcsafe_guard_chain guards;
	struct fibre *caller; /* who has resumed it */
	char *stack;
	void (*body)(struct fibre *);
	volatile int faults;
	volatile bool ended;
};

static struct t_bad_page memory, other;
static struct fibre *starting;

static void switch_to(struct fibre *from, struct fibre *to)
{
	mcsafe_guard_chain_save(&from->guards);
	CHECK_EQ(swapcontext(&from->context, &to->context), 0);
	mcsafe_guard_chain_restore(&from->guards);
}

static void yield_to_caller(struct fibre *fibre)
{
	switch_to(fibre, fibre->caller);
}

static void resume(struct fibre *fibre, struct fibre *self)
{
	fibre->caller = self;
	switch_to(self, fibre);
}

static void run_fibre(void)
{
	struct fibre *fibre = starting;

	fibre->body(fibre);
	fibre->ended = true;
	yield_to_caller(fibre);
	UNREACHED("a fibre that has ended was resumed");
}

static void make_fibre(struct fibre *fibre, char *stack, void (*body)(struct fibre *))
{
	*fibre = (struct fibre){.stack = stack, .body = body};
	CHECK_EQ(getcontext(&fibre->context), 0);
	fibre->context.uc_stack = (stack_t){.ss_sp = stack, .ss_size = STACK};
	makecontext(&fibre->context, run_fibre, 0);
}

static void start(struct fibre *fibre, struct fibre *self)
{
	starting = fibre;
	resume(fibre, self);
}

static char *map_stacks(size_t n)
{
	char *stacks =
		mmap(NULL, n * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_PTR_NE(stacks, MAP_FAILED);
	return stacks;
}

/* In a body, it lets others run, and faults afterwards. */
static void yield_in_a_body(struct fibre *fibre)
{
	struct mcsafe_guard guard;

	for (volatile int round = 0; round < ROUNDS; round++) {
		MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
			yield_to_caller(fibre);
			CHECK_PTR_EQ(mcsafe__guard_top, &guard);
			t_read_byte(memory.bad);
			UNREACHED("no fault");
		}
		MCSAFE_CATCH(&guard) {
			fibre->faults++;
		}
		CHECK_PTR_EQ(mcsafe__guard_top, NULL);
	}
}

/* The thread has a body of its own around all of it, in which it switches. */
static void *switch_in_a_body(void *arg)
{
	struct fibre self = {.faults = 0}, *fibres = arg;
	struct mcsafe_guard guard;
	volatile unsigned ended = 0;

	for (volatile size_t i = 0; i < FIBRES; i++)
		start(&fibres[i], &self);
	while (ended < FIBRES) {
		ended = 0;
		MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
			for (size_t i = 0; i < FIBRES; i++) {
				if (!fibres[i].ended)
					resume(&fibres[i], &self);
				ended += fibres[i].ended;
				CHECK_PTR_EQ(mcsafe__guard_top, &guard);
			}
			t_read_byte(memory.bad);
			UNREACHED("no fault");
		}
		MCSAFE_CATCH(&guard) {
			self.faults++;
		}
	}
	CHECK_EQ(self.faults, ROUNDS);
	for (size_t i = 0; i < FIBRES; i++)
		CHECK_EQ(fibres[i].faults, ROUNDS);
	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
	return NULL;
}

/* Stacks of fibres below that of the thread, and above it. */
IN_CHILD(test_every_fibre_has_guards_of_its_own)
{
	static struct fibre fibres[FIBRES];
	char *stacks = map_stacks(FIBRES + 1);
	pthread_attr_t attr;
	pthread_t thread;

	CHECK_EQ(mcsafe_install(), 0);
	for (size_t i = 0; i < FIBRES; i++)
		make_fibre(&fibres[i], stacks + i * STACK, yield_in_a_body);
	switch_in_a_body(fibres);

	for (size_t i = 0; i < FIBRES; i++)
		make_fibre(&fibres[i], stacks + (i + 1) * STACK, yield_in_a_body);
	CHECK_EQ(pthread_attr_init(&attr), 0);
	CHECK_EQ(pthread_attr_setstack(&attr, stacks, STACK), 0);
	CHECK_EQ(pthread_create(&thread, &attr, switch_in_a_body, fibres), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void *resume_once(void *arg)
{
	struct fibre self = {.faults = 0};

	resume(arg, &self);
	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
	return NULL;
}

/* One fibre, whose every step is run by another thread. */
IN_CHILD(test_a_fibre_takes_its_guards_to_another_thread)
{
	struct fibre fibre, self = {.faults = 0};
	pthread_t thread;

	CHECK_EQ(mcsafe_install(), 0);
	make_fibre(&fibre, map_stacks(1), yield_in_a_body);
	start(&fibre, &self);
	for (int i = 0; i < ROUNDS; i++) {
		CHECK_EQ(fibre.faults, i);
		CHECK_PTR_EQ(mcsafe__guard_top, NULL);
		CHECK_EQ(pthread_create(&thread, NULL, resume_once, &fibre), 0);
		CHECK_EQ(pthread_join(thread, NULL), 0);
	}
	CHECK(fibre.ended);
	CHECK_EQ(fibre.faults, ROUNDS);
}

/* Two bodies around a switch end without a fault. */
static void leave_two_bodies(struct fibre *fibre)
{
	struct mcsafe_guard outer, inner;

	MCSAFE_TRY(&outer, memory.bad, T_PAGE) {
		MCSAFE_TRY(&inner, memory.bad, T_PAGE) {
			yield_to_caller(fibre);
		}
		MCSAFE_CATCH(&inner) {
			UNREACHED("a fault");
		}
		CHECK_PTR_EQ(mcsafe__guard_top, &outer);
	}
	MCSAFE_CATCH(&outer) {
		UNREACHED("a fault");
	}
	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
}

static void *start_once(void *arg)
{
	struct fibre self = {.faults = 0};

	start(arg, &self);
	return NULL;
}

/* The pointer to the innermost guard is in memory of the thread, which is on its stack. */
static void run_on_stack_that_is_unmapped(void *(*step)(void *), struct fibre *fibre)
{
	char *stack = map_stacks(1);
	pthread_attr_t attr;
	pthread_t thread;

	CHECK_EQ(pthread_attr_init(&attr), 0);
	CHECK_EQ(pthread_attr_setstack(&attr, stack, STACK), 0);
	CHECK_EQ(pthread_create(&thread, &attr, step, fibre), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(mprotect(stack, STACK, PROT_NONE), 0);
}

IN_CHILD(test_a_body_may_end_in_another_thread_when_the_first_one_is_gone)
{
	struct fibre fibre;

	CHECK_EQ(mcsafe_install(), 0);
	make_fibre(&fibre, map_stacks(1), leave_two_bodies);
	run_on_stack_that_is_unmapped(start_once, &fibre);
	CHECK(!fibre.ended);
	run_on_stack_that_is_unmapped(resume_once, &fibre);
	CHECK(fibre.ended);
}

static void fault_without_a_guard(struct fibre *fibre)
{
	(void)fibre;
	t_read_byte(other.bad);
}

/* The guard that is armed encloses the switch, and not the code of the fibre. */
static void fault_in_a_fibre(void *arg)
{
	struct fibre fibre, self = {.faults = 0};
	struct mcsafe_guard guard;

	(void)arg;
	CHECK_EQ(mcsafe_install(), 0);
	make_fibre(&fibre, map_stacks(1), fault_without_a_guard);
	MCSAFE_TRY(&guard, MCSAFE_ANYWHERE) {
		start(&fibre, &self);
	}
	MCSAFE_CATCH(&guard) {
		UNREACHED("a guard of another stack has caught it");
	}
}

static void test_a_fault_in_a_fibre_is_not_caught_by_a_guard_of_another(void **state)
{
	(void)state;
	t_dies(fault_in_a_fibre, NULL, SIGBUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_fibre_has_guards_of_its_own),
		cmocka_unit_test(test_a_fibre_takes_its_guards_to_another_thread),
		cmocka_unit_test(test_a_body_may_end_in_another_thread_when_the_first_one_is_gone),
		cmocka_unit_test(test_a_fault_in_a_fibre_is_not_caught_by_a_guard_of_another),
	};

	memory = t_bad_page(T_PROT_NONE);
	other = t_bad_page(T_TRUNCATED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
