/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_signals.c - guards in signal handlers, in children and in threads that end; the signal mask
 * and the alternate stack after the jump
 */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "bad_page.h"
#include "child.h"
#include "guard/guard.h"
#include "overrun.h"
#include "tool.h"

#ifndef SS_AUTODISARM /* Linux 4.7; not in every libc */
# define SS_AUTODISARM ((int)(1u << 31))
#endif

#define STACK  ((size_t)256 * 1024)
#define ROUNDS 200

static struct t_bad_page memory;
static volatile sig_atomic_t inner_faults;

static bool blocked(int signo)
{
	sigset_t set;

	CHECK_EQ(pthread_sigmask(SIG_SETMASK, NULL, &set), 0);
	return sigismember(&set, signo) == 1;
}

static void guard_and_fault(int signo)
{
	struct mcsafe_guard *before = mcsafe__guard_top;
	struct mcsafe_guard guard;

	(void)signo;
	MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
		t_read_byte(memory.bad);
		UNREACHED("no fault");
	}
	MCSAFE_CATCH(&guard) {
		inner_faults++;
		CHECK_PTR_EQ(guard.outer, before);
	}
	CHECK_PTR_EQ(mcsafe__guard_top, before);
	CHECK(blocked(SIGUSR1));
}

/* A signal interrupts the body. The guard in its handler catches the handler's faults. */
static void interrupt_body(int flags)
{
	struct mcsafe_guard guard;
	volatile int faults = 0;

	inner_faults = 0;
	t_set_plain(SIGUSR1, guard_and_fault, flags);
	for (volatile int round = 1; round <= ROUNDS; round++) {
		MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
			CHECK_EQ(raise(SIGUSR1), 0);
			CHECK_EQ(inner_faults, round);
			t_read_byte(memory.bad);
			UNREACHED("no fault");
		}
		MCSAFE_CATCH(&guard) {
			faults++;
		}
		CHECK(!blocked(SIGUSR1));
		CHECK(!blocked(SIGBUS));
	}
	CHECK_EQ(faults, ROUNDS);
}

IN_CHILD(test_a_guard_in_a_signal_handler_catches_its_own_faults)
{
	CHECK_EQ(mcsafe_install(), 0);
	interrupt_body(0);
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	interrupt_body(0);
	interrupt_body(SA_ONSTACK);
}

static void fault_without_guard(int signo)
{
	(void)signo;
	t_read_byte(memory.bad);
	UNREACHED("no fault");
}

/* The jump leaves the handler and does not restore the mask, as documented. */
IN_CHILD(test_a_handler_without_guards_belongs_to_the_body)
{
	struct mcsafe_guard guard;
	volatile int faults = 0;

	CHECK_EQ(mcsafe_install(), 0);
	t_set_plain(SIGUSR1, fault_without_guard, 0);
	MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
		CHECK_EQ(raise(SIGUSR1), 0);
	}
	MCSAFE_CATCH(&guard) {
		faults++;
	}
	CHECK_EQ(faults, 1);
	CHECK(blocked(SIGUSR1));
	CHECK(!blocked(SIGBUS));
}

static void fault_often(void)
{
	struct mcsafe_guard guard;
	volatile int faults = 0, round;

	for (round = 0; round < ROUNDS; round++) {
		MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
			t_read_byte(memory.bad);
		}
		MCSAFE_CATCH(&guard) {
			faults++;
		}
		CHECK(!blocked(SIGBUS));
		CHECK(!blocked(SIGSEGV));
		CHECK(!blocked(SIGUSR2));
	}
	CHECK_EQ(faults, ROUNDS);
}

/* The kernel disarms the alternate stack during a signal, and must get it back. */
static void with_alternate_stack(int flags)
{
	stack_t stack, live;

	memset(&stack, 0, sizeof(stack));
	stack.ss_sp = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack.ss_size = STACK;
	stack.ss_flags = flags;
	CHECK_PTR_NE(stack.ss_sp, MAP_FAILED);
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	fault_often();
	CHECK_EQ(sigaltstack(NULL, &live), 0);
	CHECK_PTR_EQ(live.ss_sp, stack.ss_sp);
	CHECK_EQ(live.ss_size, STACK);
	CHECK_EQ(live.ss_flags, flags);
}

IN_CHILD(test_alternate_stacks_come_back)
{
	CHECK_EQ(mcsafe_install(), 0);
	with_alternate_stack(0);
	with_alternate_stack(SS_AUTODISARM);
}

/* The host's handler runs with signals blocked, also its own. sigreturn(2) restores the mask. */
static void host(int signo, siginfo_t *si, void *ctx)
{
	CHECK_EQ(mcsafe_handle_signal(signo, si, ctx), 1);
}

IN_CHILD(test_the_mask_comes_back_through_a_host)
{
	t_set_action(SIGBUS, host, SA_ONSTACK, SIGUSR2);
	fault_often();
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	fault_often();
}

/* A signal that the body has blocked stays blocked: guards do not change the mask. */
IN_CHILD(test_the_mask_is_that_of_the_fault)
{
	struct mcsafe_guard guard;
	sigset_t set;

	CHECK_EQ(mcsafe_install(), 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
		CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
		t_read_byte(memory.bad);
		UNREACHED("no fault");
	}
	MCSAFE_CATCH(&guard) {
		CHECK(blocked(SIGUSR2));
		CHECK(!blocked(SIGUSR1));
		CHECK(!blocked(SIGBUS));
		return;
	}
	UNREACHED("no fault");
}

static void *overrun_under_guard(void *arg)
{
	struct mcsafe_guard guard;
	volatile int *faults = arg;

	CHECK_EQ(mcsafe_thread_prepare(), 0);
	for (int round = 0; round < 3; round++) {
		MCSAFE_TRY(&guard, MCSAFE_ANYWHERE) {
			CHECK_EQ(t_overrun_stack(), 0);
		}
		MCSAFE_CATCH(&guard) {
			CHECK_EQ(guard.fault.signo, SIGSEGV);
			(*faults)++;
		}
	}
	return NULL;
}

/* The jump needs no byte of the interrupted stack. */
IN_CHILD(test_an_overrun_of_the_stack_is_caught)
{
	pthread_attr_t attr;
	int faults = 0;
	pthread_t thread;

	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(pthread_attr_init(&attr), 0);
	CHECK_EQ(pthread_attr_setstacksize(&attr, STACK), 0);
	CHECK_EQ(pthread_create(&thread, &attr, overrun_under_guard, &faults), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(faults, 3);
}

IN_CHILD(test_guards_are_armed_in_a_child_of_fork)
{
	struct mcsafe_guard guard;
	volatile pid_t pid = -1;
	volatile int faults = 0;
	int status;

	CHECK_EQ(mcsafe_install(), 0);
	MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
		pid = fork();
		CHECK_GE(pid, 0);
		if (pid == 0)
			t_read_byte(memory.bad + 1);
		else {
			while (waitpid(pid, &status, 0) != pid)
				;
			CHECK(WIFEXITED(status));
			CHECK_EQ(WEXITSTATUS(status), 42);
			t_read_byte(memory.bad + 2);
		}
		UNREACHED("no fault");
	}
	MCSAFE_CATCH(&guard) {
		faults++;
		CHECK_EQ(guard.offset, (pid == 0 ? 1 : 2));
		CHECK_PTR_EQ(mcsafe__guard_top, NULL);
		if (pid == 0)
			_exit(42);
	}
	CHECK_GT(pid, 0);
	CHECK_EQ(faults, 1);
}

static void *end_in_body(void *arg)
{
	struct mcsafe_guard guard;

	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
	MCSAFE_TRY(&guard, MCSAFE_ANYWHERE) {
		pthread_exit(arg);
	}
	MCSAFE_CATCH(&guard) {
		UNREACHED("no fault");
	}
	return NULL;
}

static void *fault_in_thread(void *arg)
{
	(void)arg;
	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
	fault_often();
	return NULL;
}

/* The next thread gets the same stack and the same thread-local memory. */
IN_CHILD(test_threads_that_end_in_a_body)
{
	pthread_t thread;

	CHECK_EQ(mcsafe_install(), 0);
	for (int round = 0; round < 20; round++) {
		CHECK_EQ(pthread_create(&thread, NULL, round % 2 ? fault_in_thread : end_in_body,
					NULL),
			 0);
		CHECK_EQ(pthread_join(thread, NULL), 0);
	}
	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOT_WITH_TSAN(test_a_guard_in_a_signal_handler_catches_its_own_faults),
		NOT_WITH_TSAN(test_a_handler_without_guards_belongs_to_the_body),
		NOT_WITH_VALGRIND(test_alternate_stacks_come_back),
		cmocka_unit_test(test_the_mask_comes_back_through_a_host),
		cmocka_unit_test(test_the_mask_is_that_of_the_fault),
		cmocka_unit_test(test_an_overrun_of_the_stack_is_caught),
		cmocka_unit_test(test_guards_are_armed_in_a_child_of_fork),
		cmocka_unit_test(test_threads_that_end_in_a_body),
	};

	memory = t_bad_page(T_TRUNCATED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
