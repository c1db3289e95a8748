/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * chain.c - the actions that were in place before ours, and how a signal reaches them
 *
 * mcsafe__chain() runs in the signal handler. Of libc it calls sigaction, pthread_sigmask,
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

/* What is found under ours: one nibble of the order word each, one nibble for their number. */
#define ACTIONS_MAX 15

struct history {
	struct sigaction seen[ACTIONS_MAX]; /* [0, n_seen) never change */
	unsigned n_seen;                    /* under the lock of install.c */
	/* Bits 0-3: how many; then one index into seen[] for each, the newest in bits 4-7. */
	_Atomic uint64_t order;
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

int mcsafe__chain_push(int signo, const struct sigaction *action)
{
	struct history *h = history_of(signo);
	uint64_t order = atomic_load_explicit(&h->order, memory_order_relaxed);
	unsigned i;

	for (i = 0; i < h->n_seen; i++)
		if (same_action(&h->seen[i], action))
			break;
	if (i == ACTIONS_MAX)
		return -ENOSPC;
	if (i == h->n_seen)
		h->seen[h->n_seen++] = *action;
	/* It was installed anew, so a handler that is called once may be called once more. */
	atomic_fetch_and(&h->spent, ~(UINT32_C(1) << i));
	atomic_store_explicit(&h->order, order_with_front(order, i), memory_order_release);
	return 0;
}

static const struct sigaction *action_at(struct history *h, unsigned depth, unsigned *index)
{
	uint64_t order = atomic_load_explicit(&h->order, memory_order_acquire);

	if (depth >= order_len(order))
		return NULL;
	*index = order_at(order, depth);
	return &h->seen[*index];
}

void mcsafe__chain_top(int signo, struct sigaction *action)
{
	struct history *h = history_of(signo);
	unsigned index;
	const struct sigaction *top = action_at(h, 0, &index);

	if (top != NULL && !(atomic_load(&h->spent) & UINT32_C(1) << index)) {
		*action = *top;
		return;
	}
	memset(action, 0, sizeof(*action));
	action->sa_handler = SIG_DFL;
}

/*
 * How often this very signal has come through here. A handler that was installed over ours, was
 * then found by mcsafe_install(), and passes signals on to ours, would go round in circles; each
 * time round it goes to the next older action instead. The number lives in the last 8 bytes of
 * the siginfo, which belongs to this delivery alone, so it is right in every thread and also after
 * a handler has left by siglongjmp(3). The kernel writes 48 bytes of siginfo and clears the rest
 * (copy_siginfo_to_user()).
 */
struct visit {
	uint32_t magic;
	uint32_t depth;
};

#define VISIT_MAGIC  0x6d637366u /* "mcsf" */
#define VISIT_OFFSET (sizeof(siginfo_t) - sizeof(struct visit))

static unsigned visit_depth(const siginfo_t *si)
{
	struct visit visit;

	memcpy(&visit, (const char *)si + VISIT_OFFSET, sizeof(visit));
	return visit.magic == VISIT_MAGIC ? visit.depth : 0;
}

static void visit_set(siginfo_t *si, unsigned depth)
{
	struct visit visit = {.magic = depth != 0 ? VISIT_MAGIC : 0, .depth = depth};

	memcpy((char *)si + VISIT_OFFSET, &visit, sizeof(visit));
}

static int is_notice(int signo, const siginfo_t *si)
{
	return signo == SIGBUS && si->si_code == BUS_MCEERR_AO;
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

/* The signal numbers, as bits, that this process is about to die of. */
static _Atomic uint32_t dying;

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

	memset(&dfl, 0, sizeof(dfl));
	dfl.sa_handler = SIG_DFL;
	sigaction(signo, &dfl, NULL);
	if (comes_back(signo, si, ctx))
		return;
	atomic_fetch_or(&dying, UINT32_C(1) << signo);
	sigemptyset(&set);
	sigaddset(&set, signo);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	visit_set(si, 0);
	syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), signo, si);
}

static void call(const struct sigaction *action, int signo, siginfo_t *si, void *ctx)
{
	sigset_t block = action->sa_mask, saved;

	/* The mask that the kernel would have set for this handler; ours blocks nothing. */
	if (!(action->sa_flags & SA_NODEFER))
		sigaddset(&block, signo);
	pthread_sigmask(SIG_BLOCK, &block, &saved);
	if (action->sa_flags & SA_SIGINFO)
		action->sa_sigaction(signo, si, ctx);
	else
		action->sa_handler(signo);
	/* If it passed the signal on to ours, that is where the end may have been decided. */
	if (atomic_load(&dying) & UINT32_C(1) << signo)
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

void mcsafe__chain(int signo, siginfo_t *si, void *ctx)
{
	struct history *h = history_of(signo);
	unsigned depth = visit_depth(si), index;
	const struct sigaction *action = action_at(h, depth, &index);

	if (action == NULL || action->sa_handler == SIG_DFL ||
	    (action->sa_handler != SIG_IGN && is_spent(h, index))) {
		/* A notice asks for nothing; whoever installed us has asked to live with it. */
		if (!is_notice(signo, si))
			die_of(signo, si, ctx);
		return;
	}
	if (action->sa_handler == SIG_IGN) {
		/* The kernel lets nobody ignore a fault; what was sent stays ignored. */
		if (si->si_code > 0 && !is_notice(signo, si))
			die_of(signo, si, ctx);
		return;
	}
	visit_set(si, depth + 1);
	call(action, signo, si, ctx);
	visit_set(si, depth);
}
