/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_side.c - which operand of REP MOVS has failed, from what the kernel says and has left over
 *
 * The trap number, the error code and CR2 of a machine check are those of an older fault of the
 * thread, whichever that was. Those of a page fault are its own.
 */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "base/trap.h"
#include "basics.h"
#include "landing/extable.h"
#include "landing/landing.h"

#define SRC  UINT64_C(0x7f0000002040)
#define DST  UINT64_C(0x7f0000009040)
#define WILD UINT64_C(0x1234000000000000) /* not canonical */

/* Other bytes of their pages, and a page of neither. */
#define IN_SRC_PAGE UINT64_C(0x7f0000002fc0)
#define IN_DST_PAGE UINT64_C(0x7f0000009008)
#define ELSEWHERE   UINT64_C(0x7f0000100000)

#define READ  UINT64_C(4) /* the error code of a page fault in user mode */
#define WRITE (READ | MCSAFE__PAGE_FAULT_WRITE)

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order in which it is read. */
static const struct {
	const char *what;
	int signo, code;
	unsigned lsb;
	uint64_t addr;
	uint64_t trap, error, cr2; /* what the kernel has saved, of this fault or of an older one */
	uint64_t src, dst;
	enum mcsafe_side side;
} cases[] = {
	{"a read of the source", SIGSEGV, SEGV_MAPERR, 0, SRC, MCSAFE__TRAP_PAGE_FAULT, READ, SRC,
	 SRC, DST, MCSAFE_SIDE_SOURCE},
	{"a write to the destination", SIGSEGV, SEGV_ACCERR, 0, DST, MCSAFE__TRAP_PAGE_FAULT, WRITE,
	 DST, SRC, DST, MCSAFE_SIDE_DESTINATION},
	{"a write to another byte of the page", SIGSEGV, SEGV_ACCERR, 0, IN_DST_PAGE,
	 MCSAFE__TRAP_PAGE_FAULT, WRITE, IN_DST_PAGE, SRC, DST, MCSAFE_SIDE_DESTINATION},
	{"a read of the byte that is the destination", SIGSEGV, SEGV_MAPERR, 0, DST,
	 MCSAFE__TRAP_PAGE_FAULT, READ, DST, SRC, DST, MCSAFE_SIDE_SOURCE},
	{"a write to the byte that is the source", SIGSEGV, SEGV_ACCERR, 0, SRC,
	 MCSAFE__TRAP_PAGE_FAULT, WRITE, SRC, SRC, DST, MCSAFE_SIDE_SOURCE},
	{"a source that is not canonical", SIGSEGV, SI_KERNEL, 0, 0, MCSAFE__TRAP_PROTECTION, 0, 0,
	 WILD, DST, MCSAFE_SIDE_SOURCE},
	{"a destination that is not canonical", SIGSEGV, SI_KERNEL, 0, 0, MCSAFE__TRAP_PROTECTION,
	 0, 0, SRC, WILD, MCSAFE_SIDE_DESTINATION},
	{"neither is canonical", SIGSEGV, SI_KERNEL, 0, 0, MCSAFE__TRAP_PROTECTION, 0, 0, WILD,
	 WILD + 64, MCSAFE_SIDE_SOURCE},
	{"a machine check after no fault", SIGBUS, BUS_MCEERR_AR, 12, SRC & ~UINT64_C(0xfff), 0, 0,
	 0, SRC, DST, MCSAFE_SIDE_SOURCE},
	{"a machine check after a write to the destination's page", SIGBUS, BUS_MCEERR_AR, 12,
	 SRC & ~UINT64_C(0xfff), MCSAFE__TRAP_PAGE_FAULT, WRITE, IN_DST_PAGE, SRC, DST,
	 MCSAFE_SIDE_SOURCE},
	{"a machine check that names another address of the page, after a write elsewhere", SIGBUS,
	 BUS_MCEERR_AR, 12, ELSEWHERE, MCSAFE__TRAP_PAGE_FAULT, WRITE, ELSEWHERE, SRC, DST,
	 MCSAFE_SIDE_SOURCE},
	{"a machine check after a write to the very byte of the destination", SIGBUS, BUS_MCEERR_AR,
	 12, SRC & ~UINT64_C(0xfff), MCSAFE__TRAP_PAGE_FAULT, WRITE, DST, SRC, DST,
	 MCSAFE_SIDE_SOURCE},
	{"the same, and it names another address of the page", SIGBUS, BUS_MCEERR_AR, 12, ELSEWHERE,
	 MCSAFE__TRAP_PAGE_FAULT, WRITE, DST, SRC, DST, MCSAFE_SIDE_SOURCE},
	{"the same, and it names no address", SIGBUS, SI_KERNEL, 0, 0, MCSAFE__TRAP_PAGE_FAULT,
	 WRITE, DST, SRC, DST, MCSAFE_SIDE_SOURCE},
	{"the same, and both are in a lost huge page", SIGBUS, BUS_MCEERR_AR, 21,
	 SRC & ~UINT64_C(0x1fffff), MCSAFE__TRAP_PAGE_FAULT, WRITE, DST, SRC, DST,
	 MCSAFE_SIDE_SOURCE},
	{"a machine check after a write elsewhere in the destination's page, without an address",
	 SIGBUS, SI_KERNEL, 0, 0, MCSAFE__TRAP_PAGE_FAULT, WRITE, IN_DST_PAGE, SRC, DST,
	 MCSAFE_SIDE_SOURCE},
	{"a store to the lost byte itself", SIGBUS, BUS_MCEERR_AR, 12, DST, MCSAFE__TRAP_PAGE_FAULT,
	 WRITE, DST, SRC, DST, MCSAFE_SIDE_DESTINATION},
	{"a store to a lost huge page in which the source is too", SIGBUS, BUS_MCEERR_AR, 21, DST,
	 MCSAFE__TRAP_PAGE_FAULT, WRITE, DST, SRC, DST, MCSAFE_SIDE_DESTINATION},
	{"a load of a lost huge page in which the destination is too", SIGBUS, BUS_MCEERR_AR, 21,
	 SRC, MCSAFE__TRAP_PAGE_FAULT, READ, SRC, SRC, DST, MCSAFE_SIDE_SOURCE},
	{"a store past the end of a file", SIGBUS, BUS_ADRERR, 0, DST, MCSAFE__TRAP_PAGE_FAULT,
	 WRITE, DST, SRC, DST, MCSAFE_SIDE_DESTINATION},
	{"a store to a page that the kernel knows to be lost", SIGBUS, BUS_MCEERR_AR, 12,
	 IN_DST_PAGE, MCSAFE__TRAP_PAGE_FAULT, WRITE, IN_DST_PAGE, SRC, DST,
	 MCSAFE_SIDE_DESTINATION},
	{"a machine check of a page whose start was written to", SIGBUS, BUS_MCEERR_AR, 12,
	 SRC & ~UINT64_C(0xfff), MCSAFE__TRAP_PAGE_FAULT, WRITE, SRC & ~UINT64_C(0xfff), SRC, DST,
	 MCSAFE_SIDE_SOURCE},
	{"a machine check that names the page of the destination, which is the same memory", SIGBUS,
	 BUS_MCEERR_AR, 12, DST & ~UINT64_C(0xfff), 0, 0, 0, SRC, DST, MCSAFE_SIDE_SOURCE},
	{"a machine check after a protection fault, before a wild destination", SIGBUS,
	 BUS_MCEERR_AR, 12, SRC & ~UINT64_C(0xfff), MCSAFE__TRAP_PROTECTION, 0, 0, SRC, WILD,
	 MCSAFE_SIDE_SOURCE},
	{"both in a lost huge page", SIGBUS, BUS_MCEERR_AR, 21, DST & ~UINT64_C(0x1fffff), 0, 0, 0,
	 SRC, DST, MCSAFE_SIDE_SOURCE},
	{"a lost line that is not the source's", SIGBUS, BUS_MCEERR_AR, 6, IN_SRC_PAGE, 0, 0, 0,
	 SRC, DST, MCSAFE_SIDE_SOURCE},
	{"a lost block of unknown length", SIGBUS, BUS_MCEERR_AR, 0, DST, 0, 0, 0, SRC, DST,
	 MCSAFE_SIDE_SOURCE},
	{"a signal that has no length", SIGBUS, BUS_ADRERR, 12, IN_DST_PAGE, 0, 0, 0, SRC, DST,
	 MCSAFE_SIDE_SOURCE},
};

/* The one instruction that both reads and writes. */
static const struct mcsafe_row *row_of_rep_movs(void)
{
	const struct mcsafe_row *row, *end;

	mcsafe__extable_own(&row, &end);
	while (row != end && row->kind != MCSAFE_ROW_BOTH)
		row++;
	assert_true(row != end);
	return row;
}

static void test_only_a_store_that_has_faulted_is_of_the_destination(void **state)
{
	const struct mcsafe_row *row = row_of_rep_movs();

	(void)state;
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		greg_t *regs;
		siginfo_t si;
		ucontext_t uc;
		uint64_t facts;

		memset(&si, 0, sizeof(si));
		si.si_signo = cases[i].signo;
		si.si_code = cases[i].code;
		si.si_addr = (void *)cases[i].addr;
		si.si_addr_lsb = (short)cases[i].lsb;
		memset(&uc, 0, sizeof(uc));
		regs = uc.uc_mcontext.gregs;
		regs[REG_RIP] = (greg_t)mcsafe__row_insn(row);
		regs[REG_RSI] = (greg_t)cases[i].src;
		regs[REG_RDI] = (greg_t)cases[i].dst;
		regs[REG_TRAPNO] = (greg_t)cases[i].trap;
		regs[REG_ERR] = (greg_t)cases[i].error;
		regs[REG_CR2] = (greg_t)cases[i].cr2;

		assert_int_equal(mcsafe_handle_signal(cases[i].signo, &si, &uc), 1);
		assert_int_equal(regs[REG_RIP], mcsafe__row_fixup(row));
		assert_int_equal(regs[REG_R9], cases[i].addr);
		assert_int_equal(regs[REG_R10], mcsafe__row_insn(row));
		facts = (uint64_t)regs[REG_R11];
		if (mcsafe__facts_kind(facts) != (unsigned)cases[i].side)
			fail_msg("%s: taken for side %u", cases[i].what, mcsafe__facts_kind(facts));
		assert_int_equal(mcsafe__facts_code(facts), cases[i].code);
		assert_int_equal(mcsafe__facts_lsb(facts),
				 cases[i].code == BUS_MCEERR_AR ? cases[i].lsb : 0);
		assert_true(facts & MCSAFE__FACTS_BY_MOVE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_a_store_that_has_faulted_is_of_the_destination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
