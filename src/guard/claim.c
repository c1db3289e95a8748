/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * claim.c - whether a fault is inside a window of a guard, and the way there
 *
 * Runs in the signal handler. Of libc it calls memset.
 */
#include "guard.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cpu.h"
#include "landing/fault.h"
#include "base/msan.h"

#define PAGE      ((uintptr_t)4096)
#define TRAP_PF   14 /* #PF: its error code says whether it was a write, CR2 is its address */
#define WRITE     2
#define DIRECTION 0x400 /* of RFLAGS; the ABI has it clear at function calls */

MCSAFE__GUARD_TLS struct mcsafe_guard *mcsafe__guard_top;
_Atomic(mcsafe__guard_checker_fn) mcsafe__guard_checker;

/* The bytes that are lost: [first, last]; unknown where the kernel gives no address. */
struct loss {
	bool known;
	uintptr_t first, last;
};

/* sigaction(2). The other codes come without an address, or are no failures of memory. */
static bool has_address(int signo, int code)
{
	if (signo == SIGBUS)
		return code == BUS_ADRERR || code == BUS_OBJERR || code == BUS_MCEERR_AR;
	return code == SEGV_MAPERR || code == SEGV_ACCERR || code == SEGV_PKUERR;
}

/*
 * Poison that is met for the first time comes with the start of its page, and the size of the
 * block that memory_failure() takes away as a whole: 2 MiB of a huge page, within which si_addr may
 * be any page. Once it is known, the address is exact.
 */
static struct loss loss_of(const struct mcsafe__landing *landing, size_t extent)
{
	int signo = mcsafe__facts_signo(landing->facts), code = mcsafe__facts_code(landing->facts);
	struct loss loss = {has_address(signo, code), landing->addr, landing->addr};

	if (loss.known && code == BUS_MCEERR_AR && signo == SIGBUS && landing->addr % PAGE == 0) {
		if (extent < PAGE)
			extent = PAGE;
		loss.first = landing->addr & ~(uintptr_t)(extent - 1);
		loss.last = loss.first + (extent - 1);
	}
	return loss;
}

static bool is_anywhere(const struct mcsafe_window *window)
{
	return window->base == NULL && window->len == SIZE_MAX;
}

static bool overlaps(const struct mcsafe_window *window, const struct loss *loss)
{
	uintptr_t base = (uintptr_t)window->base, last = base + (window->len - 1);

	if (window->len == 0)
		return false;
	if (last < base)
		last = UINTPTR_MAX;
	return loss->first <= last && base <= loss->last;
}

static bool is_inside(const struct mcsafe_window *window, const struct loss *loss)
{
	return is_anywhere(window) || (loss->known && overlaps(window, loss));
}

static bool has_window(struct mcsafe_guard *guard, const struct loss *loss)
{
	for (size_t i = 0; i < guard->n_windows; i++) {
		const struct mcsafe_window *window = &guard->windows[i];
		uintptr_t base = (uintptr_t)window->base;

		if (is_inside(window, loss)) {
			guard->window = i;
			guard->offset = loss->known && loss->first > base ? loss->first - base : 0;
			return true;
		}
	}
	return false;
}

/* A machine check is always about a load, and leaves no error code. */
static enum mcsafe_side side_of(const struct mcsafe_fault *fault, const greg_t *regs)
{
	if (fault->cause == MCSAFE_CAUSE_POISON)
		return MCSAFE_SIDE_SOURCE;
	if (regs[REG_TRAPNO] != TRAP_PF || regs[REG_CR2] != (greg_t)(uintptr_t)fault->addr)
		return MCSAFE_SIDE_NONE;
	return regs[REG_ERR] & WRITE ? MCSAFE_SIDE_DESTINATION : MCSAFE_SIDE_SOURCE;
}

/* guard.S has written it, when the guard was armed. */
static struct mcsafe_guard *outer_of(struct mcsafe_guard *guard)
{
	mcsafe__msan_written(&guard->outer, sizeof(void *));
	return guard->outer;
}

static void disarm_up_to(struct mcsafe_guard *last)
{
	struct mcsafe_guard *guard = mcsafe__guard_top;

	mcsafe__guard_top = outer_of(last);
	for (;; guard = outer_of(guard)) {
		MCSAFE__GUARD_WORD(guard, MCSAFE_GUARD_ARMED) = 0;
		if (guard == last)
			return;
	}
}

static void go_on_at(struct mcsafe_guard *guard, greg_t *regs)
{
	static const struct {
		int reg, offset;
	} saved[] = {
		{REG_RSP, MCSAFE_GUARD_RSP}, {REG_RBX, MCSAFE_GUARD_RBX},
		{REG_RBP, MCSAFE_GUARD_RBP}, {REG_R12, MCSAFE_GUARD_R12},
		{REG_R13, MCSAFE_GUARD_R13}, {REG_R14, MCSAFE_GUARD_R14},
		{REG_R15, MCSAFE_GUARD_R15},
	};

	MCSAFE__GUARD_WORD(guard, MCSAFE_GUARD_LOW_RSP) = (uintptr_t)regs[REG_RSP];
	for (size_t i = 0; i < sizeof(saved) / sizeof(saved[0]); i++)
		regs[saved[i].reg] = (greg_t)MCSAFE__GUARD_WORD(guard, saved[i].offset);
	regs[REG_RDI] = (greg_t)(uintptr_t)guard;
	regs[REG_RSI] = (mcsafe__cpu_features() & MCSAFE__CPU_AVX2) != 0;
	regs[REG_RIP] = (greg_t)(uintptr_t)mcsafe__guard_land;
	regs[REG_EFL] &= ~(greg_t)DIRECTION;
}

int mcsafe__guard_claim(const struct mcsafe__landing *landing, ucontext_t *uc)
{
	greg_t *regs = uc->uc_mcontext.gregs;
	struct mcsafe_guard *guard = mcsafe__guard_top;
	mcsafe__guard_checker_fn check;
	struct mcsafe_fault fault;
	struct loss loss;

	if (guard == NULL)
		return 0;
	mcsafe__fault_from_landing(&fault, landing, (const void *)landing->addr);
	fault.side = side_of(&fault, regs);
	loss = loss_of(landing, fault.extent);
	while (!has_window(guard, &loss)) {
		guard = outer_of(guard);
		if (guard == NULL)
			return 0;
	}
	/* By guard.S: all that is in use, but for the last word. */
	mcsafe__msan_written(guard->state, MCSAFE_GUARD_ARMED + 8 - MCSAFE_GUARD_STATE);
	disarm_up_to(guard);
	guard->fault = fault;
	check = atomic_load(&mcsafe__guard_checker);
	if (check != NULL)
		check(guard, uc);
	go_on_at(guard, regs);
	return 1;
}
