/* SPDX-License-Identifier: BSD-3-Clause */
/* install.c - put our handler in front of SIGBUS and SIGSEGV, take it away, ask whether it is live */
#include <mcsafe/handler.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "control.h"
#include "handler.h"

static const int signals[] = {SIGBUS, SIGSEGV};
#define N_SIGNALS (sizeof(signals) / sizeof(signals[0]))

static int installed; /* mcsafe_install() has succeeded since the last mcsafe_uninstall() */

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

/* 1: ours is in front now; 0: it was already; or a negative error. */
static int take(int signo)
{
	struct sigaction ours, live, found;
	int generation;

	if (sigaction(signo, NULL, &live) != 0)
		return -errno;
	if (is_ours(&live))
		return 0;
	for (;;) {
		/* First the way to the previous action, then ourselves: no signal is lost. */
		generation = mcsafe__chain_push(signo, &live);
		if (generation < 0)
			return generation;

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
			return 1;
		live = found;
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
	int err;

	for (size_t i = 0; i < N_SIGNALS; i++)
		if (!is_live(signals[i]))
			return -EBUSY;
	for (size_t i = 0; i < N_SIGNALS; i++) {
		err = give_back(signals[i]);
		if (err == 0)
			continue;
		while (i-- > 0) /* all or nothing */
			take(signals[i]);
		return err;
	}
	return 0;
}

/* All or nothing: what was taken before the failure goes back. */
static int take_all(void)
{
	unsigned taken = 0;

	for (size_t i = 0; i < N_SIGNALS; i++) {
		int result = take(signals[i]);

		if (result >= 0) {
			taken |= (unsigned)result << i;
			continue;
		}
		while (i-- > 0)
			if (taken & 1u << i)
				give_back(signals[i]);
		return result;
	}
	return 0;
}

int mcsafe_install(void)
{
	struct mcsafe__section section;
	int err;

	mcsafe__control_enter(&section);
	err = take_all();
	if (err == 0)
		installed = 1;
	mcsafe__control_leave(&section);
	return err;
}

int mcsafe_uninstall(void)
{
	struct mcsafe__section section;
	int err = 0;

	mcsafe__control_enter(&section);
	if (installed)
		err = give_all_back();
	if (err == 0)
		installed = 0;
	mcsafe__control_leave(&section);
	return err;
}

int mcsafe_installed(void)
{
	int saved_errno = errno, live = 1;

	for (size_t i = 0; i < N_SIGNALS; i++)
		live &= is_live(signals[i]);
	errno = saved_errno;
	return live;
}
