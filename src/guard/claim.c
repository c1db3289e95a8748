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

/* The bytes of a window are [first, last]; len is not 0. */
struct bytes {
	uintptr_t first, last;
};

static struct bytes bytes_of(const struct mcsafe_window *window)
{
	struct bytes bytes = {(uintptr_t)window->base, (uintptr_t)window->base + (window->len - 1)};

	if (bytes.last < bytes.first)
		bytes.last = UINTPTR_MAX;
	return bytes;
}

static bool overlaps(struct bytes bytes, const struct loss *loss)
{
	return loss->first <= bytes.last && bytes.first <= loss->last;
}

/* Memory is lost, mapped and protected in pages. So code that works on the window may meet the loss
 * of the window's page at another byte of it: a string function of libc loads whole vectors. */
static struct bytes pages_of(struct bytes bytes)
{
	return (struct bytes){mcsafe__down(bytes.first, MCSAFE__PAGE),
			      bytes.last | (MCSAFE__PAGE - 1)};
}

enum closeness { BY_BYTE, BY_PAGE };

static bool is_inside(const struct mcsafe_window *window, const struct loss *loss,
		      enum closeness closeness)
{
	struct bytes bytes;

	if (is_anywhere(window))
		return true;
	if (!loss->known || window->len == 0)
		return false;
	bytes = bytes_of(window);
	return overlaps(closeness == BY_BYTE ? bytes : pages_of(bytes), loss);
}

/* The first byte of the window that is lost. Where the kernel named a byte past its end, the page
 * of that byte is lost. */
static size_t offset_of(const struct mcsafe_window *window, const struct loss *loss)
{
	uintptr_t base = (uintptr_t)window->base, first = loss->first;

	if (!loss->known)
		return 0;
	if (!is_anywhere(window) && first > bytes_of(window).last)
		first = mcsafe__down(first, MCSAFE__PAGE);
	return first > base ? first - base : 0;
}

/* A window that holds a lost byte comes before those that only share a page with it. */
static bool has_window(struct mcsafe_guard *guard, const struct loss *loss)
{
	for (enum closeness closeness = BY_BYTE; closeness <= BY_PAGE; closeness++)
		for (size_t i = 0; i < guard->n_windows; i++) {
			const struct mcsafe_window *window = &guard->windows[i];

			if (is_inside(window, loss, closeness)) {
				guard->window = i;
				guard->offset = offset_of(window, loss);
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

/*
 * Which guards are still there.
 *
 * A body that was left without disarming its guard leaves the guard on the chain: a child of
 * vfork(2) that ended in the body, whose thread-local memory is the parent's; longjmp(3). A stack
 * grows downwards, so the frame of such a guard is gone once the stack pointer is above it, or
 * above it when a guard was armed later. Addresses on different stacks say nothing about each
 * other. A thread has one stack, and the alternate one of signal handlers; those of fibres have
 * chains of their own (mcsafe_guard_chain_save()).
 */
struct depths {
	const stack_t *alternate;
	uintptr_t low[2]; /* frames below are gone: on the thread's stack, on the alternate one */
};

/* As the kernel does it (on_sig_stack() in linux/sched/signal.h). */
static bool is_on_alternate(const struct depths *depths, uintptr_t sp)
{
	uintptr_t start = (uintptr_t)depths->alternate->ss_sp;

	return sp > start && sp - start <= depths->alternate->ss_size;
}

static struct depths depths_at(const ucontext_t *uc)
{
	uintptr_t sp = (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
	struct depths depths = {&uc->uc_stack, {0, 0}};

	/* A handler on the alternate stack has interrupted the thread's, at a place that is not
	 * known here. */
	if (is_on_alternate(&depths, sp)) {
		depths.low[1] = sp;
	} else {
		depths.low[0] = sp;
		depths.low[1] = UINTPTR_MAX;
	}
	return depths;
}

/* Compilers pop the arguments of earlier calls late, but not that many: fewer bytes than a frame
 * that holds a guard. */
#define POPPED_LATE 128

_Static_assert(POPPED_LATE < sizeof(struct mcsafe_guard), "not a frame with a guard");

static bool is_gone(const struct mcsafe_guard *guard, struct depths *depths)
{
	uintptr_t sp = MCSAFE__GUARD_WORD(guard, MCSAFE_GUARD_RSP);
	uintptr_t *low = &depths->low[is_on_alternate(depths, sp)];

	if (*low > sp)
		return *low - sp > POPPED_LATE;
	*low = sp;
	return false;
}

/* Disarm a guard, and all guards that were armed after it. */
static void disarm_up_to(struct mcsafe_guard *last)
{
	struct mcsafe_guard *guard = mcsafe__guard_top, *end = mcsafe__guard_outer(last), *outer;

	mcsafe__guard_top = end;
	for (; guard != NULL && guard != end; guard = outer) {
		outer = mcsafe__guard_outer(guard);
		MCSAFE__GUARD_WORD(guard, MCSAFE_GUARD_ARMED) = 0;
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
	struct depths depths = depths_at(uc);
	mcsafe__guard_checker_fn check;
	struct mcsafe_fault fault;
	struct loss loss;

	if (guard == NULL)
		return false;
	mcsafe__fault_from_landing(&fault, landing, (const void *)landing->addr);
	fault.side = side_of(&fault, regs);
	loss = loss_of(landing, fault.extent);
	while (guard != NULL && mcsafe__guard_is_armed(guard) &&
	       (is_gone(guard, &depths) || !has_window(guard, &loss)))
		guard = mcsafe__guard_outer(guard);
	if (guard == NULL || !mcsafe__guard_is_armed(guard))
		return false;
	disarm_up_to(guard);
	guard->fault = fault;
	check = atomic_load(&mcsafe__guard_checker);
	if (check != NULL)
		check(guard, uc);
	go_on_at(guard, regs);
	return true;
}
