/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_onstack.c - the stack that the previous handler runs on: its own SA_ONSTACK decides
 *
 * Each case says what the kernel does for that handler alone. It is run twice: without libmcsafe,
 * to prove the expectation, and with libmcsafe.
 */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>

#include "bad_page.h"
#include "child.h"

#define OTHER_FRAMES (T_THREAD_SANITIZER || T_MEMORY_SANITIZER)

#define ALT_SIZE (64 * 1024)

unsigned t_onstack_probe(const volatile void *bad);

static char *alt;
static struct t_bad_page memory;
static volatile sig_atomic_t calls, on_alt, mask_ok, nested;
static sigjmp_buf escape;

static bool is_on_alt(const volatile void *p)
{
	return (uintptr_t)p - (uintptr_t)alt < ALT_SIZE;
}

static void use_alt(void)
{
	stack_t stack = {.ss_size = ALT_SIZE};

	alt = mmap(NULL, ALT_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_PTR_NE(alt, MAP_FAILED);
	stack.ss_sp = alt;
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
}

static void look_and_heal(int signo, siginfo_t *si, void *ctx)
{
	volatile char here = 0;
	sigset_t mask;

	CHECK_EQ(sigprocmask(SIG_SETMASK, NULL, &mask), 0);
	mask_ok = sigismember(&mask, signo) && sigismember(&mask, SIGUSR2);
	CHECK_PTR_EQ(si->si_addr, memory.bad);
	CHECK_EQ(si->si_signo, signo);
	CHECK_NE(((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RIP], 0);
	on_alt = is_on_alt(&here);
	calls++;
	t_bad_page_heal(&memory);
}

static void look_and_heal_plain(int signo)
{
	volatile char here = 0;

	(void)signo;
	on_alt = is_on_alt(&here);
	calls++;
	t_bad_page_heal(&memory);
}

static void nothing_of_the_mask_is_left(void)
{
	sigset_t mask;

	CHECK_EQ(sigprocmask(SIG_SETMASK, NULL, &mask), 0);
	for (int signo = 1; signo < _NSIG; signo++)
		CHECK(!sigismember(&mask, signo));
}

struct run {
	enum t_bad_page_kind kind;
	int flags, with_us;
};

static void check_info(void *arg)
{
	const struct run *run = arg;

	use_alt();
	memory = t_bad_page(run->kind);
	t_set_action(t_bad_page_signo(run->kind), look_and_heal, run->flags, SIGUSR2);
	if (run->with_us)
		CHECK_EQ(mcsafe_install(), 0);
	for (int i = 1; i <= 3; i++) {
		t_bad_page_spoil(&memory);
		CHECK_EQ(t_onstack_probe(memory.bad), 0);
		CHECK_EQ(calls, i);
		CHECK(mask_ok);
		CHECK_EQ(on_alt, !!(run->flags & SA_ONSTACK));
		nothing_of_the_mask_is_left();
	}
}

static void check_plain(void *arg)
{
	const struct run *run = arg;

	use_alt();
	memory = t_bad_page(run->kind);
	t_set_plain(t_bad_page_signo(run->kind), look_and_heal_plain, run->flags);
	if (run->with_us)
		CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(t_onstack_probe(memory.bad), 0);
	CHECK_EQ(calls, 1);
	CHECK_EQ(on_alt, !!(run->flags & SA_ONSTACK));
}

static void each_kind(void (*body)(void *), int flags)
{
	for (int with_us = 0; with_us < 2; with_us++)
		for (int kind = T_PROT_NONE; kind <= T_TRUNCATED; kind++) {
			struct run run = {(enum t_bad_page_kind)kind, flags, with_us};

			t_survives(body, &run);
		}
}

static void test_handler_runs_where_its_flag_says(void **state)
{
	(void)state;
	each_kind(check_info, 0);
	each_kind(check_info, SA_ONSTACK);
}

static void test_plain_handler_runs_where_its_flag_says(void **state)
{
	(void)state;
	each_kind(check_plain, 0);
	each_kind(check_plain, SA_ONSTACK);
}

/*
 * The next signal with SA_ONSTACK starts at the top of the alternate stack, and may use all of it.
 * So nothing may lie there that the first handler still needs.
 */
static void scribble(int signo)
{
	volatile char here = 0;

	(void)signo;
	CHECK(is_on_alt(&here));
	memset(alt, 0x5a, (size_t)((char *)__builtin_frame_address(0) - alt) - 1024);
	nested++;
}

static void heal_after_another_signal(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)ctx;
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_PTR_EQ(si->si_addr, memory.bad);
	calls++;
	t_bad_page_heal(&memory);
}

static void check_nested(void *arg)
{
	const struct run *run = arg;

	use_alt();
	memory = t_bad_page(run->kind);
	t_set_plain(SIGUSR1, scribble, SA_ONSTACK);
	t_set_action(t_bad_page_signo(run->kind), heal_after_another_signal, run->flags, 0);
	if (run->with_us)
		CHECK_EQ(mcsafe_install(), 0);
	for (int i = 1; i <= 3; i++) {
		t_bad_page_spoil(&memory);
		CHECK_EQ(t_onstack_probe(memory.bad), 0);
		CHECK_EQ(calls, i);
		CHECK_EQ(nested, i);
	}
}

static void test_signal_on_the_alternate_stack_meanwhile_does_no_harm(void **state)
{
	(void)state;
	each_kind(check_nested, 0);
}

/* Execution goes on with the changes that the handler makes to the context. */
static void skip_the_load(int signo, siginfo_t *si, void *ctx)
{
	greg_t *regs = ((ucontext_t *)ctx)->uc_mcontext.gregs;

	(void)signo;
	(void)si;
	regs[REG_RIP] = (greg_t) * (uintptr_t *)regs[REG_RSP];
	regs[REG_RSP] += 8;
	regs[REG_RAX] = 77;
}

static void check_context(void *arg)
{
	const struct run *run = arg;

	use_alt();
	memory = t_bad_page(run->kind);
	t_set_action(t_bad_page_signo(run->kind), skip_the_load, run->flags, 0);
	if (run->with_us)
		CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(t_onstack_probe(memory.bad), 77);
}

static void test_changed_context_takes_effect(void **state)
{
	(void)state;
	each_kind(check_context, 0);
	each_kind(check_context, SA_ONSTACK);
}

static void jump_out(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)si;
	(void)ctx;
	siglongjmp(escape, 1);
}

static void check_jump(void *arg)
{
	const struct run *run = arg;
	stack_t stack;

	use_alt();
	memory = t_bad_page(run->kind);
	t_set_action(t_bad_page_signo(run->kind), jump_out, run->flags, 0);
	if (run->with_us)
		CHECK_EQ(mcsafe_install(), 0);
	for (volatile int i = 0; i < 5; i++) {
		if (sigsetjmp(escape, 1) == 0) {
			t_read_byte(memory.bad);
			UNREACHED("the handler has jumped");
		}
		nothing_of_the_mask_is_left();
	}
	CHECK_EQ(sigaltstack(NULL, &stack), 0);
	CHECK_EQ(stack.ss_flags, 0);
	CHECK_PTR_EQ(stack.ss_sp, alt);
	CHECK_EQ(stack.ss_size, ALT_SIZE);
}

static void test_handler_may_leave_by_siglongjmp(void **state)
{
	(void)state;
	each_kind(check_jump, 0);
	each_kind(check_jump, SA_ONSTACK);
}

/* Without a usable stack there is nowhere to put a frame: the kernel kills. */
static void check_no_stack(void *arg)
{
	const struct run *run = arg;

	use_alt();
	memory = t_bad_page(run->kind);
	t_set_action(SIGSEGV, look_and_heal, run->flags, 0);
	if (run->with_us)
		CHECK_EQ(mcsafe_install(), 0);
	__asm__ volatile("movq %%rsp, %%rbx\n\t"
			 "movq %0, %%rsp\n\t"
			 "movb (%0), %%al\n\t"
			 "movq %%rbx, %%rsp"
			 :
			 : "r"(memory.bad + 256)
			 : "rax", "rbx", "memory");
}

static void test_no_room_kills_as_the_kernel_does(void **state)
{
	(void)state;
	for (int with_us = 0; with_us < 2; with_us++) {
		struct run run = {T_PROT_NONE, 0, with_us};

		t_dies(check_no_stack, &run, SIGSEGV);
	}
}

/* If a handler on the alternate stack faults, the next frame is there also, as without us. */
static void fault_again(int signo)
{
	(void)signo;
	CHECK_EQ(t_onstack_probe(memory.bad), 0);
}

static void check_fault_on_alt(void *arg)
{
	const struct run *run = arg;

	use_alt();
	memory = t_bad_page(run->kind);
	t_set_plain(SIGUSR1, fault_again, SA_ONSTACK);
	t_set_action(t_bad_page_signo(run->kind), look_and_heal, run->flags, SIGUSR2);
	if (run->with_us)
		CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(calls, 1);
	CHECK_EQ(on_alt, 1);
}

static void test_fault_on_the_alternate_stack_stays_there(void **state)
{
	(void)state;
	each_kind(check_fault_on_alt, 0);
}

/* Read a byte with this stack pointer. */
static void touch_from(const volatile char *bad, char *sp)
{
	__asm__ volatile("movq %%rsp, %%rbx\n\t"
			 "movq %1, %%rsp\n\t"
			 "movb (%0), %%al\n\t"
			 "movq %%rbx, %%rsp"
			 :
			 : "r"(bad), "r"(sp)
			 : "rax", "rbx", "cc", "memory");
}

/*
 * A stack grows downwards from its end. So a stack pointer at the end is on the stack, and one at
 * the start is not (on_sig_stack() in linux/sched/signal.h).
 */
static void check_both_ends(void *arg)
{
	const struct run *run = arg;
	stack_t stack = {.ss_size = ALT_SIZE};

	alt = mmap(NULL, (size_t)2 * ALT_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0);
	CHECK_PTR_NE(alt, MAP_FAILED);
	alt += ALT_SIZE;
	stack.ss_sp = alt;
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	memory = t_bad_page(run->kind);
	t_set_action(t_bad_page_signo(run->kind), look_and_heal, run->flags, SIGUSR2);
	if (run->with_us)
		CHECK_EQ(mcsafe_install(), 0);
	touch_from(memory.bad, alt + ALT_SIZE);
	CHECK_EQ(calls, 1);
	CHECK_EQ(on_alt, 1);
	t_bad_page_spoil(&memory);
	touch_from(memory.bad, alt);
	CHECK_EQ(calls, 2);
	CHECK_EQ(on_alt, 0);
}

static void test_a_stack_pointer_at_an_end_belongs_where_the_kernel_says(void **state)
{
	(void)state;
	each_kind(check_both_ends, 0);
}

/* SS_AUTODISARM: sigreturn(2) restores the stack, and reads the frame that was moved. */
#ifndef SS_AUTODISARM
# define SS_AUTODISARM (1U << 31)
#endif

static void check_autodisarm(void *arg)
{
	const struct run *run = arg;
	stack_t stack;

	use_alt();
	stack = (stack_t){.ss_sp = alt, .ss_size = ALT_SIZE, .ss_flags = (int)SS_AUTODISARM};
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	memory = t_bad_page(run->kind);
	t_set_action(t_bad_page_signo(run->kind), look_and_heal, run->flags, SIGUSR2);
	if (run->with_us)
		CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(t_onstack_probe(memory.bad), 0);
	CHECK_EQ(calls, 1);
	CHECK_EQ(on_alt, 0);
	CHECK_EQ(sigaltstack(NULL, &stack), 0);
	CHECK_PTR_EQ(stack.ss_sp, alt);
	CHECK_EQ(stack.ss_flags, (int)SS_AUTODISARM);
}

static void test_autodisarm_is_kept(void **state)
{
	(void)state;
	each_kind(check_autodisarm, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handler_runs_where_its_flag_says),
		cmocka_unit_test(test_plain_handler_runs_where_its_flag_says),
		cmocka_unit_test(test_signal_on_the_alternate_stack_meanwhile_does_no_harm),
		cmocka_unit_test(test_changed_context_takes_effect),
		cmocka_unit_test(test_handler_may_leave_by_siglongjmp),
		cmocka_unit_test(test_no_room_kills_as_the_kernel_does),
		cmocka_unit_test(test_fault_on_the_alternate_stack_stays_there),
		cmocka_unit_test(test_a_stack_pointer_at_an_end_belongs_where_the_kernel_says),
		cmocka_unit_test(test_autodisarm_is_kept),
	};

	if (OTHER_FRAMES)
		t_skip_all("this sanitizer calls handlers from its own, and delays signals");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
