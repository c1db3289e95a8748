/* SPDX-License-Identifier: BSD-3-Clause */
/* test_host.c - mcsafe_handle_signal, called from the handler of a host; nothing is installed */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <ucontext.h>

#include "bad_page.h"
#include "base/trap.h"
#include "child.h"
#include "landing/extable.h"

static const struct mcsafe_row *first, *end;

/* Is there a row for ip? Slow and obvious. */
static bool has_row(uintptr_t ip)
{
	for (const struct mcsafe_row *row = first; row < end; row++)
		if (mcsafe__row_insn(row) == ip)
			return true;
	return false;
}

struct ask {
	int signo, code, ours;
	int trap; /* 0: of no exception */
};

/* What decides if the instruction has a row. */
static const struct ask asks[] = {
	{SIGSEGV, SEGV_MAPERR, 1, 0},
	{SIGSEGV, SEGV_ACCERR, 1, 0},
	{SIGSEGV, SEGV_PKUERR, 1, 0},
	{SIGSEGV, 5, 1, 0}, /* the number of BUS_MCEERR_AO, and here a fault like any other */
	/* Without an address: of the processor, or forced because a frame could not be written. */
	{SIGSEGV, SI_KERNEL, 1, MCSAFE__TRAP_PROTECTION},
	{SIGSEGV, SI_KERNEL, 1, MCSAFE__TRAP_STACK},
	{SIGSEGV, SI_KERNEL, 0, MCSAFE__TRAP_PAGE_FAULT},
	{SIGSEGV, SI_KERNEL, 0, 0},
	{SIGBUS, BUS_ADRALN, 0, MCSAFE__TRAP_ALIGNMENT},
	{SIGBUS, BUS_ADRERR, 1, 0},
	{SIGBUS, BUS_OBJERR, 1, 0},
	{SIGBUS, BUS_MCEERR_AR, 1, 0},
	{SIGBUS, SI_KERNEL, 1, 0},
	{SIGBUS, BUS_MCEERR_AO, 0, 0},
	{SIGBUS, SI_USER, 0, 0},
	{SIGBUS, SI_QUEUE, 0, 0},
	{SIGBUS, SI_TKILL, 0, 0},
	{SIGBUS, SI_TIMER, 0, 0},
	{SIGSEGV, SI_USER, 0, 0},
	{SIGSEGV, SI_QUEUE, 0, 0},
	{SIGSEGV, SI_TKILL, 0, 0},
	{SIGSEGV, SI_ASYNCIO, 0, 0},
	{SIGILL, ILL_ILLOPN, 0, 0},
	{SIGFPE, FPE_INTDIV, 0, 0},
	{SIGTRAP, TRAP_BRKPT, 0, 0},
	{SIGSYS, 1, 0, 0},
	{SIGUSR1, SI_KERNEL, 0, 0},
};

static void ask_at(const struct ask *ask, uintptr_t ip)
{
	bool expected = ask->ours && has_row(ip);
	int result;
	ucontext_t ctx, before;
	siginfo_t si, si_before;

	memset(&ctx, 0x5a, sizeof(ctx));
	ctx.uc_mcontext.gregs[REG_RIP] = (greg_t)ip;
	ctx.uc_mcontext.gregs[REG_TRAPNO] = ask->trap;
	before = ctx;
	memset(&si, 0, sizeof(si));
	si.si_signo = ask->signo;
	si.si_code = ask->code;
	si.si_addr = (void *)ip;
	si_before = si;
	errno = 4711;
	result = mcsafe_handle_signal(ask->signo, &si, &ctx);
	if (result != expected || errno != 4711 || memcmp(&si, &si_before, sizeof(si)) != 0 ||
	    (memcmp(&ctx, &before, sizeof(ctx)) != 0) != expected)
		fail_msg("signal %d, si_code %d, trap %d, ip %p: result %d, errno %d, context %s",
			 ask->signo, ask->code, ask->trap, (void *)ip, result, errno,
			 memcmp(&ctx, &before, sizeof(ctx)) != 0 ? "changed" : "left");
}

/* The instruction pointer is each byte of the engines and of the code around them, and extremes. */
static void test_result_follows_from_code_and_table(void **state)
{
	uintptr_t low = mcsafe__row_insn(first) - 64, high = mcsafe__row_insn(end - 1) + 64;

	(void)state;
	assert_true(first < end);
	for (size_t i = 0; i < T_LENGTH(asks); i++) {
		for (uintptr_t ip = low; ip < high; ip++)
			ask_at(&asks[i], ip);
		ask_at(&asks[i], 0);
		ask_at(&asks[i], UINTPTR_MAX);
	}
}

static int calls, dealt_with;

static void host(int signo, siginfo_t *si, void *ctx)
{
	calls++;
	dealt_with += mcsafe_handle_signal(signo, si, ctx);
}

/* Without SA_NODEFER, again and again: sigreturn(2) restores the mask. */
IN_CHILD(test_copies_land_through_the_host)
{
	struct t_bad_page memory[2] = {t_bad_page(T_PROT_NONE), t_bad_page(T_TRUNCATED)};
	struct mcsafe_fault fault;
	char dst[16];

	t_set_action(SIGBUS, host, SA_ONSTACK, 0);
	t_set_action(SIGSEGV, host, 0, 0);
	for (int round = 0; round < 20; round++) {
		const struct t_bad_page *m = &memory[round % 2];

		calls = dealt_with = 0;
		CHECK_EQ(mcsafe_memcpy(dst, m->bad - 7, sizeof(dst), &fault), sizeof(dst) - 7);
		CHECK_EQ(calls, 1);
		CHECK_EQ(dealt_with, 1);
		CHECK_EQ(fault.signo, t_bad_page_signo(m->kind));
		CHECK_EQ(fault.code, t_bad_page_code(m->kind));
		CHECK_PTR_EQ(fault.addr, m->bad);
		CHECK_EQ(raise(t_bad_page_signo(m->kind)), 0);
		CHECK_EQ(calls, 2);
		CHECK_EQ(dealt_with, 1);
	}
	CHECK_EQ(mcsafe_installed(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_result_follows_from_code_and_table),
		cmocka_unit_test(test_copies_land_through_the_host),
	};

	mcsafe__extable_own(&first, &end);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
