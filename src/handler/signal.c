/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * signal.c - decide whether a signal is the fault of a protected access, and land it
 *
 * Runs in the signal handler. May call: mcsafe__extable_find, mcsafe__module_find, the guards'
 * hook, mcsafe__notice_take and mcsafe__chain; nothing of libc but errno. The test
 * "objects.handler_purity" holds the object to that.
 */
#include <mcsafe/handler.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "landing/extable.h"
#include "guard_hook.h"
#include "handler.h"
#include "landing/landing.h"
#include "landing/module_table.h"
#include "base/msan.h"
#include "notice/notice.h"
#include "base/errno_kept.h"

/*
 * Only the kernel may make a copy stop, and only about an access that the thread is doing: a
 * signal of kill(2), tgkill(2) or sigqueue(3) has si_code <= 0, and BUS_MCEERR_AO ("action
 * optional") tells of memory that this thread need not be using (sigaction(2)). All of them can
 * arrive while RIP happens to be at a row.
 */
static int is_own_fault(int signo, int code)
{
	return (signo == SIGSEGV && code > 0) ||
	       (signo == SIGBUS && code > 0 && code != BUS_MCEERR_AO);
}

_Static_assert(MCSAFE_SIGBUS == SIGBUS, "as in assembly");
_Static_assert(MCSAFE_BUS_MCEERR_AR == BUS_MCEERR_AR, "as in assembly");

static unsigned lsb_of(int signo, const siginfo_t *si)
{
	/* The field means something for machine checks only. */
	return signo == SIGBUS && si->si_code == BUS_MCEERR_AR ? (unsigned)si->si_addr_lsb : 0;
}

static int find(uintptr_t ip, struct mcsafe__module_hit *hit)
{
	const struct mcsafe_row *row = mcsafe__extable_find(ip);

	if (row == NULL)
		return mcsafe__module_find(ip, hit);
	*hit = (struct mcsafe__module_hit){mcsafe__row_fixup(row), row->kind};
	return 1;
}

#define TRAP_PROTECTION  13 /* #GP: of an address that is not canonical */
#define TRAP_PAGE_FAULT  14 /* #PF, whose error code says whether it was a write: */
#define PAGE_FAULT_WRITE 2
#define PAGE_SHIFT       12

static bool is_canonical(greg_t address)
{
	return (greg_t)((uint64_t)address << 16) >> 16 == address;
}

/* Whether an operand is now in what poison has taken; si_addr is often its start, no more. */
static bool is_lost(const siginfo_t *si, greg_t operand)
{
	unsigned lsb = lsb_of(si->si_signo, si);

	return lsb != 0 && lsb < 64 && (uintptr_t)si->si_addr >> lsb == (uintptr_t)operand >> lsb;
}

/*
 * Which operand REP MOVS failed at: the source is %rsi, the destination %rdi.
 *
 * The kernel saves trap number, error code and CR2 of the exceptions that it turns into signals. A
 * machine check is not among them: then these may be of an older fault, even of a write to the same
 * page. So a page fault counts if it is at the very byte where an operand is now. Next, poison is
 * looked for where the signal says. If that decides nothing (it may name the other address of a
 * page that is mapped twice), a machine check is always about a load, and a write must be one to the
 * page where the destination is now.
 */
static unsigned side_of_move(const siginfo_t *si, const greg_t *regs)
{
	bool src_lost = is_lost(si, regs[REG_RSI]), dst_lost = is_lost(si, regs[REG_RDI]);
	greg_t trap = regs[REG_TRAPNO], cr2 = regs[REG_CR2];
	bool wrote = trap == TRAP_PAGE_FAULT && (regs[REG_ERR] & PAGE_FAULT_WRITE);

	if (trap == TRAP_PAGE_FAULT && cr2 == regs[wrote ? REG_RDI : REG_RSI])
		return wrote ? MCSAFE_ROW_STORE : MCSAFE_ROW_LOAD;
	if (src_lost != dst_lost)
		return src_lost ? MCSAFE_ROW_LOAD : MCSAFE_ROW_STORE;
	if (trap == TRAP_PROTECTION && !is_canonical(regs[REG_RDI]))
		return is_canonical(regs[REG_RSI]) ? MCSAFE_ROW_STORE : MCSAFE_ROW_LOAD;
	if (wrote && cr2 >> PAGE_SHIFT == regs[REG_RDI] >> PAGE_SHIFT)
		return MCSAFE_ROW_STORE;
	return MCSAFE_ROW_LOAD;
}

static unsigned side_of(uint32_t kind, const siginfo_t *si, const greg_t *regs)
{
	return kind == MCSAFE_ROW_BOTH ? side_of_move(si, regs) : kind;
}

_Atomic(mcsafe__guard_hook_fn) mcsafe__guard_hook;

/* An instruction without a row. Here the address decides, as the guard's windows are all we have. */
static int land_at_guard(const struct mcsafe__landing *landing, ucontext_t *uc)
{
	mcsafe__guard_hook_fn claim =
		atomic_load_explicit(&mcsafe__guard_hook, memory_order_relaxed);

	return claim != NULL && claim(landing, uc);
}

/*
 * RIP decides, and not si_addr: that may be the start of the page, 0 for a non-canonical address,
 * or the other address of a page that is mapped twice (memory_failure() looks the page's users up
 * by reverse mapping). A landing refused for such an address would fault forever.
 */
static int land(int signo, const siginfo_t *si, ucontext_t *uc)
{
	greg_t *regs = uc->uc_mcontext.gregs;
	struct mcsafe__landing landing = {(uintptr_t)si->si_addr, (uintptr_t)regs[REG_RIP], 0};
	struct mcsafe__module_hit hit = {0, 0};
	int has_row;

	if (!is_own_fault(signo, si->si_code))
		return 0;
	has_row = find(landing.ip, &hit);
	landing.facts = mcsafe__facts_pack(signo, si->si_code, lsb_of(signo, si),
					   has_row ? side_of(hit.kind, si, regs) : 0);
	if (!has_row)
		return land_at_guard(&landing, uc);

	regs[REG_R9] = (greg_t)landing.addr;
	regs[REG_R10] = (greg_t)landing.ip;
	regs[REG_R11] = (greg_t)landing.facts;
	regs[REG_RIP] = (greg_t)hit.fixup;
	return 1;
}

/* Once, the first time it comes here: a handler that our own passes it to may ask again. */
static int note(const siginfo_t *si)
{
	return mcsafe__was_passed_on(si) ? mcsafe__notice_wanted() : mcsafe__notice_take(si);
}

int mcsafe_handle_signal(int signo, siginfo_t *si, void *ctx)
{
	MCSAFE__KEEP_ERRNO();
	int done;

	done = mcsafe__is_notice(signo, si) ? note(si) : land(signo, si, ctx);
	return done;
}

MCSAFE__MSAN_CALLED_FROM_OUTSIDE
int mcsafe__on_signal(int signo, siginfo_t *si, void *ctx, const void *frame,
		      struct mcsafe__resume *resume, unsigned generation)
{
	MCSAFE__KEEP_ERRNO();
	int go_on = 0;

	if (mcsafe__is_notice(signo, si)) {
		/* For all who want to know: it goes on whether it was noted or not. */
		(void)note(si);
		go_on = mcsafe__chain(signo, si, ctx, frame, resume, generation);
	} else if (!land(signo, si, ctx)) {
		go_on = mcsafe__chain(signo, si, ctx, frame, resume, generation);
	}
	return go_on;
}
