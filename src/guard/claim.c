/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * claim.c - find the guard that has a window for a fault, and let the thread go on there
 *
 * Runs in the signal handler. Of libc it calls memset.
 */
#include "guard.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/msan.h"
#include "base/page.h"
#include "base/trap.h"
#include "landing/fault.h"

#define DIRECTION 0x400 /* flag of RFLAGS; the System V ABI wants it clear at function calls */

MCSAFE__GUARD_TLS struct mcsafe_guard *mcsafe__guard_top;
_Atomic(mcsafe__guard_checker_fn) mcsafe__guard_checker;

/* The lost bytes are [first, last]. They are not known if the kernel gives no address. */
struct loss {
	bool known;
	uintptr_t first, last;
};

/* Whether si_addr holds the address of a failure of memory (sigaction(2)). With other codes there
 * is no address, or another cause. */
static bool has_address(int signo, int code)
{
	if (signo == SIGBUS)
		return code == BUS_ADRERR || code == BUS_OBJERR || code == BUS_MCEERR_AR;
	return code == SEGV_MAPERR || code == SEGV_ACCERR || code == SEGV_PKUERR;
}

/*
 * When poison is met for the first time, si_addr is the start of a page, and the extent is the size
 * of the block that memory_failure() takes away as a whole. That block is 2 MiB for a huge page,
 * and si_addr may be any page of it. Once the kernel knows the poison, si_addr is exact.
 */
static struct loss loss_of(const struct mcsafe__landing *landing, size_t extent)
{
	int signo = mcsafe__facts_signo(landing->facts), code = mcsafe__facts_code(landing->facts);
	struct loss loss = {has_address(signo, code), landing->addr, landing->addr};

	if (loss.known && code == BUS_MCEERR_AR && signo == SIGBUS &&
	    landing->addr % MCSAFE__PAGE == 0) {
		if (extent < MCSAFE__PAGE)
			extent = MCSAFE__PAGE;
		loss.first = mcsafe__down(landing->addr, extent);
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

/* A machine check is always about a load, and leaves no error code. For a page fault the error code
 * says what the access was, if CR2 shows that it is the same fault. */
static enum mcsafe_side side_of(const struct mcsafe_fault *fault, const greg_t *regs)
{
	if (fault->cause == MCSAFE_CAUSE_POISON)
		return MCSAFE_SIDE_SOURCE;
	if (regs[REG_TRAPNO] != MCSAFE__TRAP_PAGE_FAULT ||
	    regs[REG_CR2] != (greg_t)(uintptr_t)fault->addr)
		return MCSAFE_SIDE_NONE;
	return regs[REG_ERR] & MCSAFE__PAGE_FAULT_WRITE ? MCSAFE_SIDE_DESTINATION
							: MCSAFE_SIDE_SOURCE;
}

/* The next guard outwards. guard.S wrote the pointer when it armed the guard, and MemorySanitizer
 * did not see that. */
static struct mcsafe_guard *outer_of(struct mcsafe_guard *guard)
{
	mcsafe__msan_written(&guard->outer, sizeof(void *));
	return guard->outer;
}

/* Disarm a guard, and all guards that were armed after it. */
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

/* Change the interrupted context so that the thread goes on at the guard. */
static void go_on_at(struct mcsafe_guard *guard, greg_t *regs)
{
	static const struct {
		int reg;
		size_t offset;
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

bool mcsafe__guard_claim(const struct mcsafe__landing *landing, ucontext_t *uc)
{
	greg_t *regs = uc->uc_mcontext.gregs;
	struct mcsafe_guard *guard = mcsafe__guard_top;
	mcsafe__guard_checker_fn check;
	struct mcsafe_fault fault;
	struct loss loss;

	if (guard == NULL)
		return false;
	mcsafe__fault_from_landing(&fault, landing, (const void *)landing->addr);
	fault.side = side_of(&fault, regs);
	loss = loss_of(landing, fault.extent);
	while (!has_window(guard, &loss)) {
		guard = outer_of(guard);
		if (guard == NULL)
			return false;
	}
	/* guard.S wrote the words of the state up to MCSAFE_GUARD_ARMED. */
	mcsafe__msan_written(guard->state,
			     MCSAFE_GUARD_ARMED + sizeof(guard->state[0]) - MCSAFE_GUARD_STATE);
	disarm_up_to(guard);
	guard->fault = fault;
	check = atomic_load(&mcsafe__guard_checker);
	if (check != NULL)
		check(guard, uc);
	go_on_at(guard, regs);
	return true;
}
