/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * chain.c - pass a signal that is not ours to the previous action, or die of it
 *
 * Runs in the signal handler and takes no lock (chain_history.h says why that is enough). Of libc
 * it calls getpid, sigaction, pthread_sigmask, sigemptyset, sigaddset, syscall, memcpy and memset.
 * All are async-signal-safe (signal-safety(7); syscall() is a plain system call).
 */
#include "handler.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <mcsafe/handler.h>

#include "base/trap.h"
#include "chain_history.h"
#include "notice/notice.h"
#include "report/report.h"

struct mcsafe__history mcsafe__histories[MCSAFE__N_FATAL_SIGNALS];

/*
 * The actions that this signal has been passed to so far. No action is called twice for one signal:
 * a handler can be both below ours and above ours. If such a handler passes a signal on, the signal
 * would go round in circles.
 *
 * The set lives in the last 8 bytes of the siginfo. The siginfo belongs to this delivery alone.
 * Therefore the set is right in every thread, and also after a handler has left by siglongjmp(3).
 * The kernel writes 48 bytes of siginfo and clears the rest (copy_siginfo_to_user()).
 */
struct visit {
	uint32_t magic;  /* VISIT_MAGIC; otherwise no action has been called */
	uint32_t called; /* bits as of mcsafe__action_bit() */
};

#define VISIT_MAGIC  0x6d637366u /* "mcsf" */
#define VISIT_OFFSET (sizeof(siginfo_t) - sizeof(struct visit))

static struct visit visit_get(const siginfo_t *si)
{
	struct visit visit;

	memcpy(&visit, (const char *)si + VISIT_OFFSET, sizeof(visit));
	return visit;
}

static void visit_put(siginfo_t *si, struct visit visit)
{
	memcpy((char *)si + VISIT_OFFSET, &visit, sizeof(visit));
}

bool mcsafe__was_passed_on(const siginfo_t *si)
{
	return visit_get(si).magic == VISIT_MAGIC;
}

/*
 * Whether the kernel raises the signal again when the instruction runs again. Only then does the
 * kernel log the signal ("segfault at ..."). A signal that was sent does not come back, and neither
 * does a machine check inside a system call. Poison must not be touched again to find out. The trap
 * number tells the causes apart (base/trap.h).
 */
static bool comes_back(const struct mcsafe__delivery *delivery)
{
	const greg_t *regs = delivery->uc->uc_mcontext.gregs;
	const siginfo_t *si = delivery->si;

	if (delivery->signo != SIGSEGV || si->si_code <= 0)
		return false;
	if (si->si_code == SI_KERNEL)
		return regs[REG_TRAPNO] == MCSAFE__TRAP_PROTECTION;
	return regs[REG_TRAPNO] == MCSAFE__TRAP_PAGE_FAULT &&
	       regs[REG_CR2] == (greg_t)(uintptr_t)si->si_addr;
}

/*
 * The process that is about to die (upper half), and the signals that it dies of (bits of the lower
 * half). The process counts, since a child of vfork(2) or clone(2) may share this memory and die
 * alone.
 */
static _Atomic uint64_t dying;

#define DYING_PID_SHIFT 32

static void set_dying(int signo)
{
	uint64_t self = (uint64_t)getpid(), old = atomic_load(&dying), now;

	do
		now = (old >> DYING_PID_SHIFT == self ? old : self << DYING_PID_SHIFT) |
		      UINT64_C(1) << signo;
	while (!atomic_compare_exchange_weak(&dying, &old, now));
}

static bool is_dying(int signo)
{
	uint64_t state = atomic_load(&dying);

	return (state & UINT64_C(1) << signo) && state >> DYING_PID_SHIFT == (uint64_t)getpid();
}

/*
 * Let the process die of the signal as it would without us: with the same siginfo, and with the
 * registers of the interrupted code. If the signal comes back when the instruction runs again,
 * returning is enough. Otherwise queue the signal again. It stays blocked until sigreturn(2) has
 * restored the interrupted registers and mask. A process may queue any si_code to itself
 * (rt_tgsigqueueinfo(2)).
 */
static void die_of(const struct mcsafe__delivery *delivery)
{
	int signo = delivery->signo;
	struct sigaction dfl;
	sigset_t set;

	mcsafe__report(signo, delivery->si, delivery->uc, mcsafe_handle_signal);
	memset(&dfl, 0, sizeof(dfl));
	dfl.sa_handler = SIG_DFL;
	sigaction(signo, &dfl, NULL);
	if (comes_back(delivery))
		return;
	set_dying(signo);
	sigemptyset(&set);
	sigaddset(&set, signo);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	visit_put(delivery->si, (struct visit){0, 0});
	syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), signo, delivery->si);
}

/* Block what the kernel would have blocked for this handler. Our handler blocks nothing. */
static void block_for(const struct sigaction *action, int signo, sigset_t *saved)
{
	sigset_t block = action->sa_mask;

	if (!(action->sa_flags & SA_NODEFER))
		sigaddset(&block, signo);
	pthread_sigmask(SIG_BLOCK, &block, saved);
}

static void call(const struct sigaction *action, const struct mcsafe__delivery *delivery)
{
	int signo = delivery->signo;
	sigset_t saved;

	block_for(action, signo, &saved);
	if (action->sa_flags & SA_SIGINFO)
		action->sa_sigaction(signo, delivery->si, delivery->uc);
	else
		action->sa_handler(signo);
	/* If the handler passed the signal on to ours, die_of() may have queued the signal. Then it
	 * must stay blocked. */
	if (is_dying(signo))
		sigaddset(&saved, signo);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
}

/* Use up a call of an action. False if it has none left: SA_RESETHAND allows only one
 * (sigaction(2)). */
static bool use_up_call(struct mcsafe__history *history, unsigned index)
{
	uint32_t bit = mcsafe__action_bit(index);

	if (!(history->seen[index].sa_flags & (int)SA_RESETHAND))
		return true;
	return (atomic_fetch_or(&history->spent, bit) & bit) == 0;
}

/*
 * Call the handler of an action on the stack on which the kernel would have called it. If the
 * signal frame must move for that, nothing of ours may be left on the stack. Then our handler ends,
 * the entry goes on in the other handler (true), and sigreturn(2) restores the mask.
 */
static bool call_on_its_stack(const struct sigaction *action,
			      const struct mcsafe__delivery *delivery)
{
	if (!(action->sa_flags & SA_ONSTACK)) {
		switch (mcsafe__frame_move(delivery)) {
		case MCSAFE__MOVE_DONE:
			block_for(action, delivery->signo, NULL);
			/* A union with sa_handler. The signal is the first argument of both. */
			delivery->resume->handler = action->sa_sigaction;
			return true;
		case MCSAFE__MOVE_NO_ROOM:
			die_of(delivery);
			return false;
		case MCSAFE__MOVE_NOT_NEEDED:
			break;
		}
	}
	call(action, delivery);
	return false;
}

bool mcsafe__chain(const struct mcsafe__delivery *delivery)
{
	struct mcsafe__history *history = mcsafe__history_of(delivery->signo);
	siginfo_t *si = delivery->si;
	struct visit before = visit_get(si);
	uint32_t called = before.magic == VISIT_MAGIC ? before.called : 0;
	unsigned index;
	const struct sigaction *action =
		mcsafe__first_not_in(history, called, delivery->generation, &index);
	bool go_on;

	if (action == NULL || action->sa_handler == SIG_DFL ||
	    (action->sa_handler != SIG_IGN && !use_up_call(history, index))) {
		/* A notice asks for no action. A program that has called mcsafe_install() does
		 * not die of it. */
		if (!mcsafe__is_notice(delivery->signo, si))
			die_of(delivery);
		return false;
	}
	if (action->sa_handler == SIG_IGN) {
		/* The kernel kills a process that ignores a fault. A signal that was sent stays
		 * ignored. */
		if (si->si_code > 0 && !mcsafe__is_notice(delivery->signo, si))
			die_of(delivery);
		return false;
	}
	visit_put(si, (struct visit){VISIT_MAGIC, called | mcsafe__action_bit(index)});
	go_on = call_on_its_stack(action, delivery);
	visit_put(si, before);
	return go_on;
}
