/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * claim.c - find the shield of a fault, and have it replace the memory
 *
 * Runs in the signal handler. Calls table.c and stand_in.c, and at the end the program's function.
 */
#include "shield.h"

#include <signal.h>

#include "base/trap.h"

#define MOST_LSB 48 /* no extent is that large */

/*
 * Whether the kernel says where memory has failed. The kernel raises SIGSEGV, and never SIGBUS, for
 * what the page tables forbid.
 */
static bool has_failed(int signo, int code)
{
	return signo == SIGBUS &&
	       (code == BUS_ADRERR || code == BUS_OBJERR || code == BUS_MCEERR_AR);
}

/*
 * The kernel saves the trap number, the error code and CR2 of a page fault, and not those of a
 * machine check. Those of an older fault can have the same address by chance: the access is taken
 * for what that was, which costs a second fault at worst.
 */
static struct mcsafe__failed failed_of(const struct mcsafe__landing *landing, const greg_t *regs)
{
	bool is_page_fault = regs[REG_TRAPNO] == MCSAFE__TRAP_PAGE_FAULT &&
			     (uintptr_t)regs[REG_CR2] == landing->addr;
	bool is_poison = mcsafe__facts_code(landing->facts) == BUS_MCEERR_AR;
	unsigned lsb = mcsafe__facts_lsb(landing->facts);

	return (struct mcsafe__failed){
		.addr = landing->addr,
		.extent = is_poison && lsb < MOST_LSB ? (size_t)1 << lsb : 0,
		.was_store = is_page_fault && (regs[REG_ERR] & MCSAFE__PAGE_FAULT_WRITE) != 0,
		.is_poison = is_poison,
		.is_new = is_poison && !is_page_fault,
	};
}

bool mcsafe__shield_claim(const struct mcsafe__landing *landing, const ucontext_t *uc)
{
	struct mcsafe__failed failed = failed_of(landing, uc->uc_mcontext.gregs);
	struct mcsafe__shield_section section;
	struct mcsafe_shield *shield;
	struct mcsafe__replaced replaced;
	mcsafe_shield_fn fn = NULL;
	void *arg = NULL, *start = NULL;
	int done = -1;

	if (!has_failed(mcsafe__facts_signo(landing->facts), mcsafe__facts_code(landing->facts)))
		return false;
	mcsafe__shield_enter(&section);
	shield = mcsafe__shield_at(landing->addr);
	if (shield != NULL) {
		mcsafe__shield_lock(shield);
		done = mcsafe__shield_replace(shield, &failed, &replaced);
		mcsafe__shield_unlock(shield);
		fn = shield->on_loss;
		arg = shield->arg;
		start = (void *)shield->start;
	}
	mcsafe__shield_leave(&section);
	if (done == 1)
		mcsafe__shield_tell(start, &replaced, fn, arg);
	return done >= 0;
}
