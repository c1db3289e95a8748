/* SPDX-License-Identifier: BSD-3-Clause */
/* row_checks.c - what every row has to do about poison, whatever its routine is for */
#include "lab.h"

void lab_check_row_fault(uintptr_t insn, enum mcsafe_side side, const struct mcsafe_fault *fault)
{
	const char *row = lab_insn_name(insn);

	lab_check(fault->signo == SIGBUS && fault->code == BUS_MCEERR_AR,
		  "row %s: signal %d, code %d", row, fault->signo, fault->code);
	lab_check(fault->cause == MCSAFE_CAUSE_POISON, "row %s: cause %s", row,
		  mcsafe_cause_name(fault->cause));
	lab_check(fault->side == side, "row %s: wrong side", row);
	lab_check(fault->extent == T_PAGE, "row %s: extent %zu", row, fault->extent);
}

void lab_check_row_consumed(uintptr_t insn, struct lab_events events)
{
	unsigned logged = lab_kernel_log("Uncorrected hardware memory error in user-access");
	const char *row = lab_insn_name(insn);

	lab_check(events.injected == 1, "row %s: %u machine checks", row, events.injected);
	lab_check(events.touched == 0 && lab_signals.n == 1,
		  "row %s: the poisoned line was read again: %u signals, %u reads", row,
		  lab_signals.n, events.touched);
	lab_check(logged == 1, "row %s: the kernel's log has %u machine checks", row, logged);
}

void lab_check_row_lost(uintptr_t insn, unsigned pages)
{
	unsigned logged = lab_kernel_log("recovery action for dirty LRU page: Recovered");
	const char *row = lab_insn_name(insn);
	bool met = false;

	for (unsigned i = 0; i < lab_signals.n && i < LAB_SIGNALS_MAX; i++)
		met |= lab_signals.noted[i].ip == insn;
	lab_check(met, "row %s: not met on a lost page", row);
	lab_check(logged == pages, "row %s: the kernel's log has %u lost pages, not %u", row,
		  logged, pages);
}
