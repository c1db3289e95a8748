/* SPDX-License-Identifier: BSD-3-Clause */
/* test_prepare.c - mcsafe_thread_prepare, _release and _check: stacks, masks, narrow places */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bad_page.h"
#include "child.h"
#include "tool.h"

#define BLOCKED (MCSAFE_THREAD_SIGBUS_BLOCKED | MCSAFE_THREAD_SIGSEGV_BLOCKED)

static struct t_bad_page memory;

static size_t frame_size(void)
{
	unsigned long size = getauxval(AT_MINSIGSTKSZ);

	return size != 0 ? size : 4096;
}

static stack_t live_stack(void)
{
	stack_t stack;

	CHECK_EQ(sigaltstack(NULL, &stack), 0);
	return stack;
}

static bool is_live(const stack_t *stack)
{
	stack_t live = live_stack();

	return !(live.ss_flags & SS_DISABLE) && live.ss_sp == stack->ss_sp &&
	       live.ss_size == stack->ss_size;
}

static stack_t host_stack(size_t size)
{
	stack_t stack = {.ss_size = size};

	stack.ss_sp = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_PTR_NE(stack.ss_sp, MAP_FAILED);
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	return stack;
}

static void no_stack(void)
{
	const stack_t none = {.ss_flags = SS_DISABLE};

	CHECK_EQ(sigaltstack(&none, NULL),
		 0); /* a sanitizer gives the main thread an alternate stack */
}

static void block(int how, int a, int b)
{
	sigset_t set;

	sigemptyset(&set);
	if (a != 0)
		sigaddset(&set, a);
	if (b != 0)
		sigaddset(&set, b);
	CHECK_EQ(pthread_sigmask(how, &set, NULL), 0);
}

static bool is_blocked(int signo)
{
	sigset_t mask;

	CHECK_EQ(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
	return sigismember(&mask, signo) == 1;
}

static void expect_landing(void)
{
	char dst[16];

	CHECK_EQ(memcpy_mcsafe(dst, memory.bad - 3, sizeof(dst)), sizeof(dst) - 3);
}

IN_CHILD(test_plain_thread_gets_a_stack_and_gives_it_back)
{
	stack_t ours;

	no_stack();
	errno = 4711;
	CHECK_EQ(mcsafe_thread_check(), MCSAFE_THREAD_NO_STACK);
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	CHECK_EQ(mcsafe_thread_check(), 0);
	ours = live_stack();
	CHECK_EQ(ours.ss_flags, 0);
	CHECK_GE(ours.ss_size, 4 * frame_size() + 64 * 1024);
	memset(ours.ss_sp, 0x11, ours.ss_size);
	CHECK_EQ(mcsafe_thread_release(), 0);
	CHECK_EQ(live_stack().ss_flags, SS_DISABLE);
	CHECK_EQ(mcsafe_thread_release(), -EINVAL);
	CHECK_EQ(errno, 4711);
	/* Nothing of the stack is left. */
	CHECK_EQ(msync((void *)((uintptr_t)ours.ss_sp & ~(uintptr_t)4095), 1, MS_ASYNC), -1);
	CHECK_EQ(errno, ENOMEM);
}

IN_CHILD(test_calls_nest)
{
	stack_t ours;

	no_stack();
	block(SIG_BLOCK, SIGBUS, 0);
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	ours = live_stack();
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	CHECK(is_live(&ours));
	CHECK_EQ(mcsafe_thread_release(), 0);
	CHECK(is_live(&ours));
	CHECK_EQ(mcsafe_thread_check(), 0);
	CHECK_EQ(mcsafe_thread_release(), 0);
	CHECK_EQ(mcsafe_thread_check(), (MCSAFE_THREAD_NO_STACK | MCSAFE_THREAD_SIGBUS_BLOCKED));
}

IN_CHILD(test_stack_of_the_host_is_not_touched)
{
	stack_t host = host_stack(frame_size() + 4096);

	CHECK_EQ(mcsafe_thread_check(), 0);
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	CHECK(is_live(&host));
	memory = t_bad_page(T_PROT_NONE);
	CHECK_EQ(mcsafe_install(), 0);
	expect_landing();
	CHECK_EQ(mcsafe_thread_release(), 0);
	CHECK(is_live(&host));
}

IN_CHILD(test_stack_that_is_too_small_is_exchanged)
{
	stack_t host = host_stack(frame_size() + 4095);

	CHECK_EQ(mcsafe_thread_check(), MCSAFE_THREAD_SMALL_STACK);
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	CHECK(!is_live(&host));
	CHECK_EQ(mcsafe_thread_check(), 0);
	memory = t_bad_page(T_PROT_NONE);
	CHECK_EQ(mcsafe_install(), 0);
	expect_landing();
	CHECK_EQ(mcsafe_thread_release(), 0);
	CHECK(is_live(&host));
}

IN_CHILD(test_stack_that_was_exchanged_meanwhile_stays)
{
	stack_t ours, host;

	no_stack();
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	ours = live_stack();
	host = host_stack(64 * 1024);
	CHECK_EQ(mcsafe_thread_release(), -EBUSY);
	CHECK(is_live(&host));
	CHECK_EQ(sigaltstack(&ours, NULL), 0);
	memset(ours.ss_sp, 0x22, ours.ss_size);
	CHECK_EQ(mcsafe_thread_release(), 0);
	CHECK_EQ(live_stack().ss_flags, SS_DISABLE);
}

static volatile sig_atomic_t result_on_stack;

static void prepare_on_the_small_stack(int signo)
{
	(void)signo;
	result_on_stack = mcsafe_thread_prepare();
}

static void release_on_ours(int signo)
{
	(void)signo;
	result_on_stack = mcsafe_thread_release();
}

IN_CHILD(test_stack_in_use_is_refused)
{
	stack_t host = host_stack(frame_size() + 4000);

	t_set_plain(SIGUSR1, prepare_on_the_small_stack, SA_ONSTACK);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(result_on_stack, -EPERM);
	CHECK(is_live(&host));
	CHECK_EQ(mcsafe_thread_release(), -EINVAL);

	CHECK_EQ(mcsafe_thread_prepare(), 0);
	t_set_plain(SIGUSR1, release_on_ours, SA_ONSTACK);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(result_on_stack, -EBUSY);
	CHECK(!is_live(&host));
	CHECK_EQ(mcsafe_thread_release(), 0);
	CHECK(is_live(&host));
}

IN_CHILD(test_signals_are_unblocked_and_blocked_again)
{
	static const int sets[][2] = {{0, 0}, {SIGBUS, 0}, {SIGSEGV, 0}, {SIGBUS, SIGSEGV}};

	for (size_t i = 0; i < 4; i++) {
		block(SIG_SETMASK, sets[i][0], sets[i][1]);
		block(SIG_BLOCK, SIGUSR1, 0);
		CHECK_EQ(mcsafe_thread_prepare(), 0);
		CHECK(!is_blocked(SIGBUS));
		CHECK(!is_blocked(SIGSEGV));
		CHECK(is_blocked(SIGUSR1));
		CHECK_EQ(mcsafe_thread_release(), 0);
		CHECK_EQ(is_blocked(SIGBUS), (sets[i][0] == SIGBUS));
		CHECK_EQ(is_blocked(SIGSEGV), (sets[i][0] == SIGSEGV || sets[i][1] == SIGSEGV));
		CHECK(is_blocked(SIGUSR1));
	}
}

IN_CHILD(test_check_tells_which_signal_is_blocked)
{
	(void)host_stack(64 * 1024);
	CHECK_EQ(mcsafe_thread_check(), 0);
	block(SIG_BLOCK, SIGBUS, 0);
	CHECK_EQ(mcsafe_thread_check(), MCSAFE_THREAD_SIGBUS_BLOCKED);
	block(SIG_BLOCK, SIGSEGV, 0);
	CHECK_EQ(mcsafe_thread_check(), BLOCKED);
	block(SIG_UNBLOCK, SIGBUS, 0);
	CHECK_EQ(mcsafe_thread_check(), MCSAFE_THREAD_SIGSEGV_BLOCKED);
}

/* The kernel kills at a fault that is blocked. mcsafe_thread_check() warns of that. */
static void fault_while_blocked(void *arg)
{
	enum t_bad_page_kind kind = *(const enum t_bad_page_kind *)arg;

	memory = t_bad_page(kind);
	CHECK_EQ(mcsafe_install(), 0);
	expect_landing();
	block(SIG_BLOCK, SIGBUS, SIGSEGV);
	CHECK_EQ((mcsafe_thread_check() & BLOCKED), BLOCKED);
	expect_landing();
}

static void test_fault_of_a_blocked_signal_kills(void **state)
{
	(void)state;
	for (enum t_bad_page_kind kind = T_PROT_NONE; kind <= T_TRUNCATED; kind++)
		t_dies(fault_while_blocked, &kind, t_bad_page_signo(kind));
}

IN_CHILD(test_prepared_thread_lands_although_it_was_blocked)
{
	block(SIG_BLOCK, SIGBUS, SIGSEGV);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	for (int kind = T_PROT_NONE; kind <= T_TRUNCATED; kind++) {
		memory = t_bad_page((enum t_bad_page_kind)kind);
		expect_landing();
	}
}

/* A thread whose own stack has almost no room. */
static char narrow_dst[16];
static size_t narrow_left;

static void copy_where_it_is_narrow(char *stack_end)
{
	/* memcpy_mcsafe() makes leaf calls without frames, and needs less than 256 bytes. */
	__asm__ volatile("movq %%rsp, %%rbx\n\t"
			 "movq %[end], %%rsp\n\t"
			 "call memcpy_mcsafe\n\t"
			 "movq %%rbx, %%rsp"
			 : "=a"(narrow_left)
			 : [end] "r"(stack_end), "D"(narrow_dst), "S"(memory.bad - 3),
			   "d"(sizeof(narrow_dst))
			 : "rbx", "rcx", "r8", "r9", "r10", "r11", "memory", "cc");
}

static void on_narrow_stack(void *arg)
{
	const int prepared = *(const int *)arg;
	char *stack =
		mmap(NULL, 4 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_PTR_NE(stack, MAP_FAILED);
	CHECK_EQ(mprotect(stack, T_PAGE, PROT_NONE), 0);
	no_stack();
	memory = t_bad_page(T_PROT_NONE);
	CHECK_EQ(mcsafe_install(), 0);
	if (prepared)
		CHECK_EQ(mcsafe_thread_prepare(), 0);
	copy_where_it_is_narrow(stack + T_PAGE + 1024);
	CHECK_EQ(narrow_left, sizeof(narrow_dst) - 3);
	CHECK_MEM_EQ(narrow_dst, memory.bad - 3, 3);
}

static void test_a_nearly_exhausted_stack_needs_a_prepared_thread(void **state)
{
	int prepared = 1;

	(void)state;
	t_survives(on_narrow_stack, &prepared);
	/* Prove that the stack is too narrow: a signal frame does not fit. */
	prepared = 0;
	t_dies(on_narrow_stack, &prepared, SIGSEGV);
}

/* How much of the alternate stack a landing uses, beyond the frame of the kernel. */
IN_CHILD(test_handler_needs_less_room_than_is_asked_for)
{
	stack_t stack = host_stack(256 * 1024);
	const unsigned char *p = stack.ss_sp;
	size_t used;

	memory = t_bad_page(T_TRUNCATED);
	CHECK_EQ(mcsafe_install(), 0);
	memset(stack.ss_sp, 0x77, stack.ss_size);
	expect_landing();
	while (*p == 0x77)
		p++;
	used = (size_t)((const unsigned char *)stack.ss_sp + stack.ss_size - p);
	fprintf(stderr, "a landing takes %zu bytes of stack; AT_MINSIGSTKSZ is %lu\n", used,
		getauxval(AT_MINSIGSTKSZ));
	CHECK_GT(used, 512);
	CHECK_LE(used, frame_size() + 4096);
}

static void *prepare_and_end(void *arg)
{
	stack_t *stack = arg;

	CHECK_EQ(mcsafe_thread_prepare(), 0);
	*stack = live_stack();
	expect_landing();
	return NULL;
}

IN_CHILD(test_thread_that_ends_without_a_release_leaves_nothing)
{
	memory = t_bad_page(T_PROT_NONE);
	CHECK_EQ(mcsafe_install(), 0);
	for (int i = 0; i < 100; i++) {
		pthread_t thread;
		stack_t stack;

		CHECK_EQ(pthread_create(&thread, NULL, prepare_and_end, &stack), 0);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		CHECK_EQ(msync((void *)((uintptr_t)stack.ss_sp & ~(uintptr_t)4095), 1, MS_ASYNC),
			 -1);
		CHECK_EQ(errno, ENOMEM);
	}
}

IN_CHILD(test_child_of_fork_is_prepared)
{
	int status;
	pid_t pid;

	no_stack();
	memory = t_bad_page(T_PROT_NONE);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	pid = fork();
	CHECK_GE(pid, 0);
	if (pid == 0) {
		CHECK_EQ(mcsafe_thread_check(), 0);
		expect_landing();
		CHECK_EQ(mcsafe_thread_release(), 0);
		CHECK_EQ(mcsafe_thread_check(), MCSAFE_THREAD_NO_STACK);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(mcsafe_thread_check(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOT_WITH_VALGRIND(test_plain_thread_gets_a_stack_and_gives_it_back),
		cmocka_unit_test(test_calls_nest),
		cmocka_unit_test(test_stack_of_the_host_is_not_touched),
		cmocka_unit_test(test_stack_that_is_too_small_is_exchanged),
		cmocka_unit_test(test_stack_that_was_exchanged_meanwhile_stays),
		NOT_WITH_MSAN(test_stack_in_use_is_refused),
		cmocka_unit_test(test_signals_are_unblocked_and_blocked_again),
		cmocka_unit_test(test_check_tells_which_signal_is_blocked),
		cmocka_unit_test(test_fault_of_a_blocked_signal_kills),
		cmocka_unit_test(test_prepared_thread_lands_although_it_was_blocked),
		NOT_WITH_MSAN(test_a_nearly_exhausted_stack_needs_a_prepared_thread),
		NOT_WITH_VALGRIND(test_handler_needs_less_room_than_is_asked_for),
		NOT_WITH_VALGRIND(test_thread_that_ends_without_a_release_leaves_nothing),
		cmocka_unit_test(test_child_of_fork_is_prepared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
