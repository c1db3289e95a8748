/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * signal.c - decide whether a signal is the fault of a protected access, and land it
 *
 * Runs in the signal handler. May call: mcsafe__extable_find, mcsafe__module_find,
 * mcsafe__notice_take and mcsafe__chain; nothing of libc but errno. The test
 * "objects.handler_purity" holds the object to that.
 */
#include <mcsafe/handler.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "extable.h"
#include "handler.h"
#include "landing.h"
#include "module_table.h"
#include "msan.h"
#include "notice.h"

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

/*
 * Which operand REP MOVS failed at: the source is %rsi, the destination %rdi.
 *
 * The kernel saves trap number, error code and CR2 of the exceptions that it turns into signals. A
 * machine check is not among them: then these may be of an older fault. It is always about a
 * load, so a write must be one to where the destination is now.
 */
static unsigned side_of_move(const greg_t *regs)
{
	greg_t trap = regs[REG_TRAPNO];

	if (trap == TRAP_PROTECTION && !is_canonical(regs[REG_RDI]))
		return is_canonical(regs[REG_RSI]) ? MCSAFE_ROW_STORE : MCSAFE_ROW_LOAD;
	if (trap == TRAP_PAGE_FAULT && (regs[REG_ERR] & PAGE_FAULT_WRITE) &&
	    regs[REG_CR2] >> PAGE_SHIFT == regs[REG_RDI] >> PAGE_SHIFT)
		return MCSAFE_ROW_STORE;
	return MCSAFE_ROW_LOAD;
}

static unsigned side_of(uint32_t kind, const greg_t *regs)
{
	return kind == MCSAFE_ROW_BOTH ? side_of_move(regs) : kind;
}

/*
 * RIP decides, and not si_addr: that may be the start of the page, 0 for a non-canonical address,
 * or the other address of a page that is mapped twice (memory_failure() looks the page's users up
 * by reverse mapping). A landing refused for such an address would fault forever.
 */
static int land(int signo, const siginfo_t *si, ucontext_t *uc)
{
	greg_t *regs = uc->uc_mcontext.gregs;
	struct mcsafe__module_hit hit;

	if (!is_own_fault(signo, si->si_code) || !find((uintptr_t)regs[REG_RIP], &hit))
		return 0;

	regs[REG_R9] = (greg_t)(uintptr_t)si->si_addr;
	regs[REG_R10] = regs[REG_RIP];
	regs[REG_R11] = (greg_t)mcsafe__facts_pack(signo, si->si_code, lsb_of(signo, si),
						   side_of(hit.kind, regs));
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
	int saved_errno = errno, done;

	done = mcsafe__is_notice(signo, si) ? note(si) : land(signo, si, ctx);
	errno = saved_errno;
	return done;
}

MCSAFE_MSAN_CALLED_FROM_OUTSIDE
int mcsafe__on_signal(int signo, siginfo_t *si, void *ctx, const void *frame,
		      struct mcsafe__resume *resume, unsigned generation)
{
	int saved_errno = errno, go_on = 0;

	if (mcsafe__is_notice(signo, si)) {
		/* For all who want to know: it goes on whether it was noted or not. */
		(void)note(si);
		go_on = mcsafe__chain(signo, si, ctx, frame, resume, generation);
	} else if (!land(signo, si, ctx)) {
		go_on = mcsafe__chain(signo, si, ctx, frame, resume, generation);
	}
	errno = saved_errno;
	return go_on;
}
