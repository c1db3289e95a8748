/* SPDX-License-Identifier: BSD-3-Clause */
/* install.c - put our handler in front of SIGBUS and SIGSEGV, take it away, ask whether it is live */
#include <mcsafe/handler.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "base/control.h"
#include "base/errno_kept.h"
#include "handler.h"
#include "install_hook.h"

static const int signals[] = {SIGBUS, SIGSEGV};
#define N_SIGNALS (sizeof(signals) / sizeof(signals[0]))

/* Bit i: signals[i] is ours, or was when somebody put a handler on top. Under the control lock. */
static unsigned taken;

/*
 * Handlers are being changed. Found set under the lock: in the middle of that, another thread of
 * the parent has forked this process, and "taken" may not say what is. Atomic, so that it is
 * stored before and after the changes.
 */
static _Atomic int changing;

/* Which of our entries it is; -1: none, the action is not ours. */
static int generation_of(const struct sigaction *action)
{
	uintptr_t at = (uintptr_t)action->sa_sigaction - (uintptr_t)mcsafe__signal_entries;

	if (!(action->sa_flags & SA_SIGINFO) || at % MCSAFE_ENTRY_SIZE != 0 ||
	    at >= (uintptr_t)MCSAFE_GENERATIONS * MCSAFE_ENTRY_SIZE)
		return -1;
	return (int)(at / MCSAFE_ENTRY_SIZE);
}

static int is_ours(const struct sigaction *action)
{
	return generation_of(action) >= 0;
}

static void set_entry(struct sigaction *action, int generation)
{
	uintptr_t entry =
		(uintptr_t)mcsafe__signal_entries + (uintptr_t)generation * MCSAFE_ENTRY_SIZE;

	memcpy(&action->sa_sigaction, &entry, sizeof(entry));
}

static int is_live(int signo)
{
	struct sigaction live;

	return sigaction(signo, NULL, &live) == 0 && is_ours(&live);
}

static int is_same(const struct sigaction *a, const struct sigaction *b)
{
	return a->sa_handler == b->sa_handler && a->sa_flags == b->sa_flags;
}

/* The sigaction(2) of a sanitizer that keeps a signal for itself (handle_segv=2) sets nothing, and
 * returns 0. */
static int has_no_effect(int signo, const struct sigaction *before)
{
	struct sigaction live;

	return sigaction(signo, NULL, &live) == 0 && is_same(&live, before);
}

/* 1: ours is in front now; 0: it was already; or a negative error. */
static int take(int signo)
{
	struct sigaction ours, live, found;
	int generation, placed = 0;

	if (sigaction(signo, NULL, &live) != 0)
		return -errno;
	if (is_ours(&live))
		return 0;
	for (;;) {
		/* First the way to the previous action, then ourselves: no signal is lost. */
		generation = mcsafe__chain_push(signo, &live);
		if (generation < 0) {
			if (placed) /* over a handler that cannot be recorded: under it again */
				sigaction(signo, &live, NULL);
			return generation;
		}

		memset(&ours, 0, sizeof(ours));
		set_entry(&ours, generation);
		/*
		 * ONSTACK: the fault may be on a stack that is nearly full, and Go requires it of
		 * every handler. NODEFER with an empty mask: a previous handler may leave by
		 * siglongjmp(3) without a mask, and a fault inside it must not find its signal
		 * blocked, which kills.
		 */
		ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | (live.sa_flags & SA_RESTART);
		sigemptyset(&ours.sa_mask);
		if (sigaction(signo, &ours, &found) != 0)
			return -errno;
		/* Somebody may have come between the two calls: then below that one, too. */
		if (is_ours(&found) || is_same(&found, &live))
			return has_no_effect(signo, &live) ? -EPERM : 1;
		live = found;
		placed = 1;
	}
}

static int give_back(int signo)
{
	struct sigaction live, previous, found;

	if (sigaction(signo, NULL, &live) != 0)
		return -errno;
	if (!is_ours(&live))
		return -EBUSY;
	mcsafe__chain_top(signo, (unsigned)generation_of(&live), &previous);
	if (sigaction(signo, &previous, &found) != 0)
		return -errno;
	if (!is_ours(&found)) { /* it came on top of ours just now: leave it there */
		sigaction(signo, &found, NULL);
		return -EBUSY;
	}
	return 0;
}

static int give_all_back(void)
{
	unsigned given = 0;

	for (size_t i = 0; i < N_SIGNALS; i++)
		if ((taken & 1u << i) && !is_live(signals[i]))
			return -EBUSY;
	for (size_t i = 0; i < N_SIGNALS; i++) {
		int err = taken & 1u << i ? give_back(signals[i]) : 0;

		if (err == 0) {
			given |= taken & 1u << i;
			continue;
		}
		while (i-- > 0) /* all or nothing */
			if (given & 1u << i)
				take(signals[i]);
		return err;
	}
	taken = 0;
	return 0;
}

/* All or nothing: what was taken before the failure goes back. */
static int take_all(void)
{
	unsigned now = 0;

	for (size_t i = 0; i < N_SIGNALS; i++) {
		int result = take(signals[i]);

		if (result >= 0) {
			now |= (unsigned)result << i;
			continue;
		}
		while (i-- > 0)
			if (now & 1u << i)
				give_back(signals[i]);
		return result;
	}
	taken = (1u << N_SIGNALS) - 1;
	return 0;
}

static void begin_change(struct mcsafe__section *section)
{
	mcsafe__control_enter(section);
	if (changing) {
		taken = 0;
		for (size_t i = 0; i < N_SIGNALS; i++)
			taken |= (unsigned)is_live(signals[i]) << i;
	}
	changing = 1;
}

static void end_change(const struct mcsafe__section *section)
{
	changing = 0;
	mcsafe__control_leave(section);
}

int mcsafe_install(void)
{
	struct mcsafe__section section;
	int err;

	begin_change(&section);
	err = mcsafe__install_hook();
	if (err == 0)
		err = take_all();
	end_change(&section);
	return err;
}

int mcsafe_uninstall(void)
{
	struct mcsafe__section section;
	int err;

	begin_change(&section);
	err = give_all_back();
	end_change(&section);
	return err;
}

int mcsafe_installed(void)
{
	MCSAFE__KEEP_ERRNO();
	int live = 1;

	for (size_t i = 0; i < N_SIGNALS; i++)
		live &= is_live(signals[i]);
	return live;
}
