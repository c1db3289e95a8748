/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * signal.c - decide whether a signal is the fault of a protected access, and land it
 *
 * Runs in the signal handler. Of libc it uses errno only. It calls mcsafe__extable_find,
 * mcsafe__module_find, the hooks of the guards and shields, mcsafe__notice_take and mcsafe__chain.
 * The test "objects.handler_purity" checks what the object calls.
 */
#include <mcsafe/handler.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "base/counters.h"
#include "base/errno_kept.h"
#include "base/msan.h"
#include "base/page.h"
#include "base/probe.h"
#include "base/trap.h"
#include "guard_hook.h"
#include "handler.h"
#include "landing/extable.h"
#include "landing/fault.h"
#include "landing/landing.h"
#include "landing/module_table.h"
#include "notice/notice.h"
#include "shield_hook.h"

/*
 * Whether a SIGSEGV without an address is a fault of the processor, for example of an address that
 * is not canonical. The kernel also forces such a signal on a thread if it cannot write the frame
 * of another signal, or cannot restore one (kernel/signal.c, force_sigsegv()). That one does not
 * set the trap number.
 *
 * The kernel keeps the trap number of a thread until the next fault that becomes a signal. So a
 * forced signal is still taken for a fault if the last one of the same thread was a protection
 * fault. Nothing else in the frame tells the two apart.
 */
static bool has_trapped(const greg_t *regs)
{
	return regs[REG_TRAPNO] == MCSAFE__TRAP_PROTECTION ||
	       regs[REG_TRAPNO] == MCSAFE__TRAP_STACK;
}

/*
 * Whether the kernel raised the signal for an access of this thread that memory has failed. No
 * other signal may stop a copy, although it can arrive while RIP is at a row. A signal of kill(2),
 * tgkill(2) or sigqueue(3) has si_code <= 0. BUS_ADRALN is a misaligned access of a program that
 * has set the flag AC: nothing is lost, and memcpy(3) would die of it, too. A notice
 * (BUS_MCEERR_AO) does not come here.
 */
static bool is_own_fault(int signo, int code, const greg_t *regs)
{
	if (code <= 0)
		return false;
	if (signo == SIGSEGV)
		return code != SI_KERNEL || has_trapped(regs);
	return signo == SIGBUS && code != BUS_ADRALN;
}

_Static_assert(MCSAFE_SIGBUS == SIGBUS, "as in assembly");
_Static_assert(MCSAFE_BUS_MCEERR_AR == BUS_MCEERR_AR, "as in assembly");

static unsigned lsb_of(int signo, const siginfo_t *si)
{
	/* The kernel sets the field for machine checks only (sigaction(2)). */
	return signo == SIGBUS && si->si_code == BUS_MCEERR_AR ? (unsigned)si->si_addr_lsb : 0;
}

/* Find the row of an instruction, in the library or in a registered module. */
static bool find(uintptr_t ip, struct mcsafe__module_hit *hit)
{
	const struct mcsafe_row *row = mcsafe__extable_find(ip);

	if (row == NULL)
		return mcsafe__module_find(ip, hit);
	*hit = (struct mcsafe__module_hit){mcsafe__row_fixup(row), row->kind};
	return true;
}

#define UNUSED_ADDRESS_BITS 16 /* with page tables of four levels: copies of bit 47 */

static bool is_canonical(greg_t address)
{
	return (greg_t)((uint64_t)address << UNUSED_ADDRESS_BITS) >> UNUSED_ADDRESS_BITS == address;
}

/*
 * Whether a page fault has raised the signal. The kernel saves the trap number, the error code and
 * CR2 of an exception that it turns into a signal. It does not do so for a machine check. Then the
 * saved values are those of an older fault, perhaps of a write to the very byte where the
 * destination is now: a program that makes a page writable in its handler, and returns, leaves such
 * values. But for a page that the kernel knows to be lost, a page fault reports its own address,
 * which is CR2 (arch/x86/mm/fault.c, do_sigbus()). A machine check reports the start of the page,
 * or what the processor has told, or by SI_KERNEL nothing (arch/x86/kernel/cpu/mce/core.c,
 * mm/memory-failure.c).
 */
static bool is_page_fault(const siginfo_t *si, const greg_t *regs)
{
	if (regs[REG_TRAPNO] != MCSAFE__TRAP_PAGE_FAULT)
		return false;
	if (si->si_signo == SIGBUS && si->si_code == BUS_MCEERR_AR)
		return (uintptr_t)si->si_addr == (uintptr_t)regs[REG_CR2];
	return si->si_signo != SIGBUS || si->si_code != SI_KERNEL;
}

/*
 * Which operand REP MOVS failed at: the source is %rsi, the destination %rdi. Only a load raises a
 * machine check. So the access was a store only if a page fault of a write to the page where the
 * destination is now says so, or a protection fault although the source is canonical.
 */
static unsigned side_of_move(const siginfo_t *si, const greg_t *regs)
{
	bool stored;

	if (is_page_fault(si, regs))
		stored = (regs[REG_ERR] & MCSAFE__PAGE_FAULT_WRITE) != 0 &&
			 regs[REG_CR2] >> MCSAFE__PAGE_SHIFT == regs[REG_RDI] >> MCSAFE__PAGE_SHIFT;
	else
		stored =
			si->si_signo == SIGSEGV && has_trapped(regs) && is_canonical(regs[REG_RSI]);
	return stored ? MCSAFE_ROW_STORE : MCSAFE_ROW_LOAD;
}

static unsigned side_of(uint32_t kind, const siginfo_t *si, const greg_t *regs)
{
	return kind == MCSAFE_ROW_BOTH ? side_of_move(si, regs) : kind;
}

_Atomic(mcsafe__guard_hook_fn) mcsafe__guard_hook;

/* For an instruction without a row. Here the address decides: a guard has windows and no rows. */
static bool land_at_guard(const struct mcsafe__landing *landing, ucontext_t *uc)
{
	mcsafe__guard_hook_fn claim =
		atomic_load_explicit(&mcsafe__guard_hook, memory_order_relaxed);

	if (claim == NULL || !claim(landing, uc))
		return false;
	mcsafe__count(&mcsafe__counters.guards);
	MCSAFE__PROBE_2(guard_left, landing->addr, landing->ip);
	return true;
}

_Atomic(mcsafe__shield_hook_fn) mcsafe__shield_hook;

/* Whether the memory is as the instruction needs it now, so that it can run again. */
static bool is_shielded(const struct mcsafe__landing *landing, const ucontext_t *uc)
{
	mcsafe__shield_hook_fn replace =
		atomic_load_explicit(&mcsafe__shield_hook, memory_order_acquire);

	return replace != NULL && replace(landing, uc);
}

static void count(const struct mcsafe__landing *landing)
{
	enum mcsafe_cause cause = mcsafe__facts_cause(landing->facts);
	unsigned side = mcsafe__facts_kind(landing->facts);

	mcsafe__count(&mcsafe__counters.landed[cause][side % MCSAFE__SIDES]);
	MCSAFE__PROBE_4(fault_landed, landing->addr, landing->ip, (unsigned)cause, side);
}

/*
 * Change the interrupted context so that the thread goes on at the fixup of the instruction, or at
 * a guard; or have a shield replace the memory. False if none of them wants the fault.
 *
 * RIP decides, and not si_addr. si_addr may be the start of the page, 0 for a non-canonical
 * address, or the other address of a page that is mapped twice (memory_failure() finds the users of
 * the page by reverse mapping). If such an address prevented the landing, the access would fault
 * forever.
 */
static bool land(int signo, const siginfo_t *si, ucontext_t *uc)
{
	greg_t *regs = uc->uc_mcontext.gregs;
	struct mcsafe__landing landing = {(uintptr_t)si->si_addr, (uintptr_t)regs[REG_RIP], 0};
	struct mcsafe__module_hit hit = {0, 0};
	bool has_row;

	if (!is_own_fault(signo, si->si_code, regs))
		return false;
	has_row = find(landing.ip, &hit);
	landing.facts = mcsafe__facts_pack(signo, si->si_code, lsb_of(signo, si),
					   has_row ? side_of(hit.kind, si, regs) : 0);
	if (hit.kind == MCSAFE_ROW_BOTH)
		landing.facts |= MCSAFE__FACTS_BY_MOVE;
	if (!has_row)
		return land_at_guard(&landing, uc) || is_shielded(&landing, uc);

	regs[REG_R9] = (greg_t)landing.addr;
	regs[REG_R10] = (greg_t)landing.ip;
	regs[REG_R11] = (greg_t)landing.facts;
	regs[REG_RIP] = (greg_t)hit.fixup;
	count(&landing);
	return true;
}

/* Take note of a notice the first time that it comes here. A handler that ours has passed it to may
 * call mcsafe_handle_signal() for the same notice. */
static bool note(const siginfo_t *si)
{
	return mcsafe__was_passed_on(si) ? mcsafe__notice_wanted() : mcsafe__notice_take(si);
}

int mcsafe_handle_signal(int signo, siginfo_t *si, void *ctx)
{
	MCSAFE__KEEP_ERRNO();

	return mcsafe__is_notice(signo, si) ? note(si) : land(signo, si, ctx);
}

MCSAFE__MSAN_CALLED_FROM_OUTSIDE
int mcsafe__on_signal(int signo, siginfo_t *si, void *ctx, const void *frame,
		      struct mcsafe__resume *resume, unsigned generation)
{
	const struct mcsafe__delivery delivery = {signo, si, ctx, frame, resume, generation};
	MCSAFE__KEEP_ERRNO();

	if (mcsafe__is_notice(signo, si))
		/* Previous handlers may want the notice even if it was taken here. */
		(void)note(si);
	else if (land(signo, si, ctx))
		return 0;
	else
		mcsafe__count(&mcsafe__counters.passed_on);
	return mcsafe__chain(&delivery);
}
