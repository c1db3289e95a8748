/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_no_loss.c - signals that the kernel raises at a row, and that are about no lost memory
 *
 * A SIGSEGV that the kernel forces, because it has no room for the frame of another signal; and a
 * misaligned access of a program that wants none (the flag AC of RFLAGS).
 */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "asm/layout.h"
#include "bad_page.h"
#include "child.h"
#include "landing/extable.h"
#include "trace.h"

/* ---- forced ---------------------------------------------------------------------------------- */

#define NO_STACK 64 /* nothing is mapped there */

static void nothing(int signo)
{
	(void)signo;
}

static void copy_good(void *arg)
{
	static char from[64], to[64];

	(void)arg;
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	t_set_plain(SIGUSR1, nothing, 0);
	CHECK_EQ(mcsafe_engine_set("word"), 0);
	CHECK_EQ(memcpy_mcsafe(to, from, sizeof(to)), 0);
	T_BREAK();
	CHECK_EQ(memcpy_mcsafe(to, from, sizeof(to)), 0);
}

/* Let the child come to the first instruction that has a row. */
static struct t_stop stop_at_row(pid_t pid)
{
	struct t_stop stop = t_resume(pid, PTRACE_CONT, 0);

	assert_true(t_at_break(&stop));
	do {
		stop = t_resume(pid, PTRACE_SINGLESTEP, 0);
		assert_true(t_at_trap(&stop));
	} while (mcsafe__extable_find(stop.regs.rip) == NULL);
	return stop;
}

static void test_sigsegv_that_the_kernel_forces_kills(void **state)
{
	pid_t pid = t_trace(copy_good, NULL);
	struct t_stop row = stop_at_row(pid), stop;
	struct user_regs_struct regs = row.regs;

	(void)state;
	regs.rsp = NO_STACK;
	assert_int_equal(ptrace(PTRACE_SETREGS, pid, NULL, &regs), 0);
	/* The first one comes from the kernel; the second time it is about to kill. */
	stop = t_resume(pid, PTRACE_CONT, SIGUSR1);
	for (int i = 0; i < 2; i++) {
		assert_true(WIFSTOPPED(stop.status));
		assert_int_equal(WSTOPSIG(stop.status), SIGSEGV);
		assert_int_equal(stop.si.si_code, SI_KERNEL);
		assert_int_equal(stop.regs.rip, row.regs.rip);
		assert_int_equal(stop.regs.rsp, NO_STACK);
		stop = t_resume(pid, PTRACE_CONT, SIGSEGV);
	}
	t_expect_death(stop.status, SIGSEGV, "the child", __FILE__, __LINE__);
}

/* ---- misaligned ------------------------------------------------------------------------------ */

#define SET_AC   "orl $0x40000, (%%rsp)\n"
#define CLEAR_AC "andl $~0x40000, (%%rsp)\n"

/* Change the flags, and keep off the red zone. */
#define FLAGS(change)                       \
 "	leaq	-128(%%rsp), %%rsp\n"               \
 "	pushfq\n	" change "	popfq\n" \
 "	leaq	128(%%rsp), %%rsp\n"

/* Load 4 bytes from p, with the flag AC, by an instruction with a row. 1: it landed. */
static int load_aligned(const void *p)
{
	uint32_t value;
	int failed;

	__asm__ volatile("	xorl	%k[failed], %k[failed]\n" FLAGS(
				 SET_AC) "71:	movl	(%[p]), %[value]\n"
					 "	jmp	73f\n"
					 "72:	movl	$1, %k[failed]\n"
					 "73:\n" FLAGS(CLEAR_AC)
						 MCSAFE_ROW(71b, 72b, MCSAFE_ROW_LOAD)
			 : [failed] "=&a"(failed), [value] "=&c"(value)
			 : [p] "r"(p)
			 : "r9", "r10", "r11", "cc", "memory");
	return failed;
}

static void install(void)
{
	CHECK_EQ(mcsafe_module_register(MCSAFE_MODULE_ROWS, MCSAFE_MODULE_ROWS_END), 0);
	CHECK_EQ(mcsafe_install(), 0);
}

static const char bytes[16] __attribute__((aligned(8)));
static volatile int calls;

static void align(int signo, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	CHECK_EQ(signo, SIGBUS);
	CHECK_EQ(si->si_code, BUS_ADRALN);
	uc->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)MCSAFE_FLAG_ALIGNMENT;
	calls++;
}

IN_CHILD(test_misaligned_access_at_a_row_reaches_the_previous_handler)
{
	t_set_action(SIGBUS, align, 0, 0);
	install();
	CHECK_EQ(load_aligned(bytes), 0);
	CHECK_EQ(calls, 0);
	CHECK_EQ(load_aligned(bytes + 1), 0);
	CHECK_EQ(calls, 1);
}

IN_CHILD(test_misaligned_access_in_a_guard_reaches_the_previous_handler)
{
	struct mcsafe_guard guard;

	t_set_action(SIGBUS, align, 0, 0);
	CHECK_EQ(mcsafe_install(), 0);
	MCSAFE_TRY(&guard, MCSAFE_ANYWHERE) {
		uint32_t value;

		__asm__ volatile(FLAGS(SET_AC) "	movl	(%1), %0\n" FLAGS(CLEAR_AC)
				 : "=&c"(value)
				 : "r"(bytes + 1)
				 : "cc", "memory");
	}
	MCSAFE_CATCH(&guard) {
		UNREACHED("nothing was lost");
	}
	CHECK_EQ(calls, 1);
}

/* It lands all the same. */
IN_CHILD(test_lost_memory_lands_with_the_flag_set)
{
	struct t_bad_page m = t_bad_page(T_TRUNCATED);

	t_set_action(SIGBUS, align, 0, 0);
	install();
	CHECK_EQ(load_aligned(m.bad), 1);
	CHECK_EQ(calls, 0);
}

static void load_misaligned(void *arg)
{
	(void)arg;
	install();
	(void)load_aligned(bytes + 1);
}

static void test_misaligned_access_kills(void **state)
{
	(void)state;
	t_dies(load_misaligned, NULL, SIGBUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOT_WITH_TSAN(test_sigsegv_that_the_kernel_forces_kills),
		NOT_WITH_RUNTIME_HANDLERS(
			test_misaligned_access_at_a_row_reaches_the_previous_handler),
		NOT_WITH_RUNTIME_HANDLERS(
			test_misaligned_access_in_a_guard_reaches_the_previous_handler),
		NOT_WITH_RUNTIME_HANDLERS(test_lost_memory_lands_with_the_flag_set),
		NOT_WITH_RUNTIME_HANDLERS(test_misaligned_access_kills),
	};

	t_trace_needed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
