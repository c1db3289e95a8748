/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_unwind.c - from a fault at any row, a backtrace passes the engine and reaches main()
 *
 * The handler is a host's, which looks at the stack before it lets libmcsafe land.
 */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cpu.h"
#include "basics.h"
#include "copy/route.h"
#include "landing/extable.h"
#include "walk.h"

int main(void);

/* enter_at.S */
void enter_at(uintptr_t instruction, uintptr_t has_masks);

static struct walk walk;
static uintptr_t hit;
static sigjmp_buf back;

static void set_handlers(void (*handler)(int, siginfo_t *, void *))
{
	static const int signals[] = {SIGBUS, SIGSEGV, SIGILL};
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = handler;
	action.sa_flags = SA_SIGINFO;
	for (size_t i = 0; i < T_LENGTH(signals); i++)
		assert_int_equal(sigaction(signals[i], &action, NULL), 0);
}

static size_t times_in_walk(uintptr_t function)
{
	size_t n = 0;

	for (size_t i = 0; i < walk.n; i++)
		n += walk.function[i] == function;
	return n;
}

static void walk_and_leave(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)si;
	hit = (uintptr_t)((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RIP];
	walk = walk_from(ctx);
	siglongjmp(back, 1);
}

/*
 * Every engine that the processor can run. An instruction that it does not know would also raise a
 * signal at that place.
 */
static void test_backtrace_is_complete_from_every_row(void **state)
{
	const struct mcsafe_row *first, *end;

	(void)state;
	set_handlers(walk_and_leave);
	mcsafe__extable_own(&first, &end);
	assert_true(first < end);
	for (const struct mcsafe_row *volatile row = first; row < end; row++) {
		uintptr_t insn = mcsafe__row_insn(row);

		if (sigsetjmp(back, 1) == 0) {
			enter_at(insn, mcsafe__cpu_features() & MCSAFE__CPU_AVX512BW);
			fail_msg("row %zu does not fault", (size_t)(row - first));
		}
		assert_int_equal(hit, insn);
		assert_true(walk.n >= 3 && walk.function[0] != 0 && walk.function[0] <= insn);
		assert_int_equal(walk.function[1], (uintptr_t)enter_at);
		assert_int_equal(times_in_walk((uintptr_t)main), 1);
	}
}

static void walk_and_land(int signo, siginfo_t *si, void *ctx)
{
	walk = walk_from(ctx);
	if (!mcsafe_handle_signal(signo, si, ctx))
		siglongjmp(back, 1);
}

/* A real fault: the copy still lands after the handler has looked at the stack. */
static void test_copies_land_after_a_backtrace(void **state)
{
	char *memory =
		mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char other[64];

	(void)state;
	assert_true(memory != MAP_FAILED);
	assert_int_equal(mprotect(memory + T_PAGE, T_PAGE, PROT_NONE), 0);
	memset(other, 1, sizeof(other));
	set_handlers(walk_and_land);
	if (sigsetjmp(back, 1) != 0)
		fail_msg("libmcsafe did not handle a fault of the copy");
	for (size_t good = 0; good < 40; good++) {
		char *edge = memory + T_PAGE - good;

		assert_int_equal(memcpy_mcsafe(edge, other, sizeof(other)), sizeof(other) - good);
		assert_int_equal(times_in_walk((uintptr_t)main), 1);
		assert_int_equal(memcpy_mcsafe(other, edge, sizeof(other)), sizeof(other) - good);
		assert_int_equal(times_in_walk((uintptr_t)main), 1);
		assert_int_equal(walk.function[0], (uintptr_t)mcsafe__engine()->copy);
	}
	assert_int_equal(munmap(memory, 2 * T_PAGE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backtrace_is_complete_from_every_row),
		cmocka_unit_test(test_copies_land_after_a_backtrace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
