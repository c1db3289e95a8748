/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * chain.c - the actions that were in place before ours, and how a signal reaches them
 *
 * mcsafe__chain() runs in the signal handler. Of libc it calls getpid, sigaction, pthread_sigmask,
 * sigemptyset, sigaddset, syscall and memcpy: all async-signal-safe (signal-safety(7); syscall()
 * is a plain system call). It takes no lock: actions are written once and never changed, and the
 * order in which they are tried is one atomic word.
 */
#include "handler.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <mcsafe/handler.h>

#include "notice/notice.h"
#include "report/report.h"

/* What is found under ours: one nibble of the order word each, one nibble for their number. */
#define ACTIONS_MAX 15

/*
 * Each mcsafe_install() that finds another action in front of ours makes a generation: an order in
 * which actions are tried, and an entry of our handler of its own. What was installed over an
 * earlier generation has that one's entry as its previous handler. If it passes a signal on to it,
 * or puts it back and raises the signal again (as CPython's faulthandler does), the signal goes to
 * what was there before, and not round in circles.
 */
struct history {
	struct sigaction seen[ACTIONS_MAX]; /* [0, n_seen) never change */
	unsigned n_seen;                    /* this and the next two under the lock of control.c */
	unsigned n_generations;
	unsigned newest;
	/* Bits 0-3: how many; then one index into seen[] for each, the newest in bits 4-7. Written
	 * once, before the entry of the generation is installed. */
	_Atomic uint64_t orders[MCSAFE_GENERATIONS];
	/* Bit i: seen[i] had SA_RESETHAND and has been called, so it is SIG_DFL now. */
	_Atomic uint32_t spent;
};

static struct history history[2];

static struct history *history_of(int signo)
{
	return &history[signo == SIGBUS];
}

static unsigned order_len(uint64_t order)
{
	return (unsigned)(order & 0xf);
}

static unsigned order_at(uint64_t order, unsigned depth)
{
	return (unsigned)(order >> (4 * (depth + 1)) & 0xf);
}

static uint64_t order_with_front(uint64_t order, unsigned index)
{
	uint64_t next = (uint64_t)index << 4;
	unsigned n = 1;

	for (unsigned i = 0; i < order_len(order); i++)
		if (order_at(order, i) != index)
			next |= (uint64_t)order_at(order, i) << (4 * ++n);
	return next | n;
}

static int same_action(const struct sigaction *a, const struct sigaction *b)
{
	if (a->sa_handler != b->sa_handler || a->sa_flags != b->sa_flags)
		return 0;
	for (int signo = 1; signo < _NSIG; signo++)
		if (sigismember(&a->sa_mask, signo) != sigismember(&b->sa_mask, signo))
			return 0;
	return 1;
}

static int generation_of(struct history *h, uint64_t order)
{
	for (unsigned i = 0; i < h->n_generations; i++)
		if (atomic_load_explicit(&h->orders[i], memory_order_relaxed) == order)
			return (int)i;
	if (h->n_generations == MCSAFE_GENERATIONS)
		return -ENOSPC;
	atomic_store_explicit(&h->orders[h->n_generations], order, memory_order_release);
	return (int)h->n_generations++;
}

int mcsafe__chain_push(int signo, const struct sigaction *action)
{
	struct history *h = history_of(signo);
	uint64_t order = atomic_load_explicit(&h->orders[h->newest], memory_order_relaxed);
	int generation;
	unsigned i;

	for (i = 0; i < h->n_seen; i++)
		if (same_action(&h->seen[i], action))
			break;
	if (i == ACTIONS_MAX)
		return -ENOSPC;
	if (i == h->n_seen)
		h->seen[h->n_seen++] = *action;
	generation = generation_of(h, order_with_front(order, i));
	if (generation < 0)
		return generation;
	h->newest = (unsigned)generation;
	/* It was installed anew, so a handler that is called once may be called once more. */
	atomic_fetch_and(&h->spent, ~(UINT32_C(1) << i));
	return generation;
}

/* The first action of a generation that is not in the set of those that have been called. */
static const struct sigaction *first_not_in(struct history *h, uint32_t called, unsigned generation,
					    unsigned *index)
{
	uint64_t order = atomic_load_explicit(&h->orders[generation], memory_order_acquire);

	for (unsigned i = 0; i < order_len(order); i++) {
		*index = order_at(order, i);
		if (!(called & UINT32_C(1) << *index))
			return &h->seen[*index];
	}
	return NULL;
}

void mcsafe__chain_top(int signo, unsigned generation, struct sigaction *action)
{
	struct history *h = history_of(signo);
	unsigned index;
	const struct sigaction *top = first_not_in(h, 0, generation, &index);

	if (top != NULL && !(atomic_load(&h->spent) & UINT32_C(1) << index)) {
		*action = *top;
		return;
	}
	memset(action, 0, sizeof(*action));
	action->sa_handler = SIG_DFL;
}

/*
 * Which actions this very signal has been passed to already, as bits. A handler that is both under
 * ours and over it, and passes signals on, would go round in circles; so none is called twice. The
 * set lives in the last 8 bytes of the siginfo, which belongs to this delivery alone, so it is
 * right in every thread and also after a handler has left by siglongjmp(3). The kernel writes 48
 * bytes of siginfo and clears the rest (copy_siginfo_to_user()).
 */
struct visit {
	uint32_t magic;
	uint32_t called;
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

int mcsafe__was_passed_on(const siginfo_t *si)
{
	return visit_get(si).magic == VISIT_MAGIC;
}

/*
 * Does the signal come back by itself when the instruction is run again? Only then does the kernel
 * log it ("segfault at ..."). One that was sent does not come back, nor a machine check that was met
 * inside a system call, and poison should not be touched again to find out. x86 leaves the cause
 * in the trap number: 14 #PF with the address in CR2, 13 #GP.
 */
static int comes_back(int signo, const siginfo_t *si, const ucontext_t *ctx)
{
	const greg_t *regs = ctx->uc_mcontext.gregs;

	if (signo != SIGSEGV || si->si_code <= 0)
		return 0;
	if (si->si_code == SI_KERNEL)
		return regs[REG_TRAPNO] == 13;
	return regs[REG_TRAPNO] == 14 && regs[REG_CR2] == (greg_t)(uintptr_t)si->si_addr;
}

/*
 * The process that is about to die, and the signal numbers, as bits, that it dies of. With its
 * number, since a child of vfork(2) or clone(2) may share this memory and die alone.
 */
static _Atomic uint64_t dying;

static void set_dying(int signo)
{
	uint64_t self = (uint64_t)getpid() << 32, old = atomic_load(&dying), now;

	do
		now = (old >> 32 == self >> 32 ? old : self) | UINT64_C(1) << signo;
	while (!atomic_compare_exchange_weak(&dying, &old, now));
}

static int is_dying(int signo)
{
	uint64_t state = atomic_load(&dying);

	return (state & UINT64_C(1) << signo) && state >> 32 == (uint64_t)getpid();
}

/*
 * Die of the signal as if we were not there, with its siginfo and with the registers of the code
 * that it hit: let it come back, or queue it again, blocked until sigreturn(2) has restored the
 * interrupted registers and mask. A process may queue any si_code to itself
 * (rt_tgsigqueueinfo(2)).
 */
static void die_of(int signo, siginfo_t *si, const ucontext_t *ctx)
{
	struct sigaction dfl;
	sigset_t set;

	mcsafe__report(signo, si, ctx, mcsafe_handle_signal);
	memset(&dfl, 0, sizeof(dfl));
	dfl.sa_handler = SIG_DFL;
	sigaction(signo, &dfl, NULL);
	if (comes_back(signo, si, ctx))
		return;
	set_dying(signo);
	sigemptyset(&set);
	sigaddset(&set, signo);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	visit_put(si, (struct visit){0, 0});
	syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), signo, si);
}

/* The mask that the kernel would have set for this handler; ours blocks nothing. */
static void block_for(const struct sigaction *action, int signo, sigset_t *saved)
{
	sigset_t block = action->sa_mask;

	if (!(action->sa_flags & SA_NODEFER))
		sigaddset(&block, signo);
	pthread_sigmask(SIG_BLOCK, &block, saved);
}

static void call(const struct sigaction *action, int signo, siginfo_t *si, void *ctx)
{
	sigset_t saved;

	block_for(action, signo, &saved);
	if (action->sa_flags & SA_SIGINFO)
		action->sa_sigaction(signo, si, ctx);
	else
		action->sa_handler(signo);
	/* If it passed the signal on to ours, that is where the end may have been decided. */
	if (is_dying(signo))
		sigaddset(&saved, signo);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
}

/* A handler with SA_RESETHAND is good for one signal (sigaction(2)). */
static int is_spent(struct history *h, unsigned index)
{
	uint32_t bit = UINT32_C(1) << index;

	if (!(h->seen[index].sa_flags & (int)SA_RESETHAND))
		return 0;
	return (atomic_fetch_or(&h->spent, bit) & bit) != 0;
}

/*
 * Call the handler of an action where the kernel would have called it. When its frame has to be
 * moved for that, nothing of ours may be left on the stack, so our handler ends here, and
 * sigreturn(2) gives the mask back.
 */
static int call_on_its_stack(const struct sigaction *action, int signo, siginfo_t *si, void *ctx,
			     const void *frame, struct mcsafe__resume *resume)
{
	if (!(action->sa_flags & SA_ONSTACK)) {
		switch (mcsafe__frame_move(frame, si, ctx, resume)) {
		case MCSAFE__MOVE_DONE:
			block_for(action, signo, NULL);
			/* sa_sigaction and sa_handler share their place; all take the signal first. */
			resume->handler = action->sa_sigaction;
			return 1;
		case MCSAFE__MOVE_NO_ROOM:
			die_of(signo, si, ctx);
			return 0;
		case MCSAFE__MOVE_NOT_NEEDED:
			break;
		}
	}
	call(action, signo, si, ctx);
	return 0;
}

int mcsafe__chain(int signo, siginfo_t *si, void *ctx, const void *frame,
		  struct mcsafe__resume *resume, unsigned generation)
{
	struct history *h = history_of(signo);
	struct visit before = visit_get(si);
	uint32_t called = before.magic == VISIT_MAGIC ? before.called : 0;
	unsigned index;
	const struct sigaction *action = first_not_in(h, called, generation, &index);
	int go_on;

	if (action == NULL || action->sa_handler == SIG_DFL ||
	    (action->sa_handler != SIG_IGN && is_spent(h, index))) {
		/* A notice asks for nothing; whoever installed us has asked to live with it. */
		if (!mcsafe__is_notice(signo, si))
			die_of(signo, si, ctx);
		return 0;
	}
	if (action->sa_handler == SIG_IGN) {
		/* The kernel lets nobody ignore a fault; what was sent stays ignored. */
		if (si->si_code > 0 && !mcsafe__is_notice(signo, si))
			die_of(signo, si, ctx);
		return 0;
	}
	visit_put(si, (struct visit){VISIT_MAGIC, called | UINT32_C(1) << index});
	go_on = call_on_its_stack(action, signo, si, ctx, frame, resume);
	visit_put(si, before);
	return go_on;
}
