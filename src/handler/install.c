/* SPDX-License-Identifier: BSD-3-Clause */
/* install.c - install our handler for SIGBUS and SIGSEGV, uninstall it, ask whether it is live */
#include <mcsafe/handler.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/control.h"
#include "base/errno_kept.h"
#include "base/fatal_signals.h"
#include "handler.h"
#include "install_hook.h"

/* Bit i: mcsafe__fatal_signals[i] is ours, or was ours when somebody put a handler on top. The lock
 * of control.c protects this. */
static unsigned taken;

/*
 * True while handlers are being changed. If this is already true when a thread takes the lock,
 * another thread of the parent forked this process in the middle of a change, and "taken" may be
 * stale. Atomic, so that the stores stay before and after the changes.
 */
static _Atomic bool changing;

/* The generation whose entry the action is; -1: the action is not ours. */
static int generation_of(const struct sigaction *action)
{
	uintptr_t at = (uintptr_t)action->sa_sigaction - (uintptr_t)mcsafe__signal_entries;

	if (!(action->sa_flags & SA_SIGINFO) || at % MCSAFE_ENTRY_SIZE != 0 ||
	    at >= (uintptr_t)MCSAFE_GENERATIONS * MCSAFE_ENTRY_SIZE)
		return -1;
	return (int)(at / MCSAFE_ENTRY_SIZE);
}

static bool is_ours(const struct sigaction *action)
{
	return generation_of(action) >= 0;
}

static void set_entry(struct sigaction *action, int generation)
{
	uintptr_t entry =
		(uintptr_t)mcsafe__signal_entries + (uintptr_t)generation * MCSAFE_ENTRY_SIZE;

	memcpy(&action->sa_sigaction, &entry, sizeof(entry));
}

static bool is_live(int signo)
{
	struct sigaction live;

	return sigaction(signo, NULL, &live) == 0 && is_ours(&live);
}

static bool is_same(const struct sigaction *a, const struct sigaction *b)
{
	return a->sa_handler == b->sa_handler && a->sa_flags == b->sa_flags;
}

/* Whether sigaction(2) has changed nothing. A sanitizer that keeps a signal for itself
 * (handle_segv=2) replaces sigaction(2) by a function that sets nothing and returns 0. */
static bool has_no_effect(int signo, const struct sigaction *before)
{
	struct sigaction live;

	return sigaction(signo, NULL, &live) == 0 && is_same(&live, before);
}

/* Install our handler for one signal. 1: done; 0: it was installed before; or -errno. */
static int take(int signo)
{
	struct sigaction ours, live, found;
	bool placed = false;
	int generation;

	if (sigaction(signo, NULL, &live) != 0)
		return -errno;
	if (is_ours(&live))
		return 0;
	for (;;) {
		/* Record the previous action before our handler can need it: no signal is lost. */
		generation = mcsafe__chain_push(signo, &live);
		if (generation < 0) {
			/* Ours is over a handler that cannot be recorded. Put that handler back. */
			if (placed)
				sigaction(signo, &live, NULL);
			return generation;
		}

		memset(&ours, 0, sizeof(ours));
		set_entry(&ours, generation);
		/*
		 * SA_ONSTACK: the fault may be on a stack that is nearly full, and Go requires the
		 * flag of every handler. SA_NODEFER and an empty mask: a previous handler may leave
		 * by siglongjmp(3) without a mask. A fault inside a previous handler must not find
		 * its signal blocked, since the kernel then kills the process.
		 */
		ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | (live.sa_flags & SA_RESTART);
		sigemptyset(&ours.sa_mask);
		if (sigaction(signo, &ours, &found) != 0)
			return -errno;
		/* If another thread has installed a handler between the two calls, record that. */
		if (is_ours(&found) || is_same(&found, &live))
			return has_no_effect(signo, &live) ? -EPERM : 1;
		live = found;
		placed = true;
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
	if (!is_ours(&found)) { /* it was installed over ours just now: put it back */
		sigaction(signo, &found, NULL);
		return -EBUSY;
	}
	return 0;
}

static int give_all_back(void)
{
	unsigned given = 0;

	for (size_t i = 0; i < MCSAFE__N_FATAL_SIGNALS; i++)
		if ((taken & 1u << i) && !is_live(mcsafe__fatal_signals[i]))
			return -EBUSY;
	for (size_t i = 0; i < MCSAFE__N_FATAL_SIGNALS; i++) {
		int err = taken & 1u << i ? give_back(mcsafe__fatal_signals[i]) : 0;

		if (err == 0) {
			given |= taken & 1u << i;
			continue;
		}
		/* All or nothing. */
		while (i-- > 0)
			if (given & 1u << i)
				take(mcsafe__fatal_signals[i]);
		return err;
	}
	taken = 0;
	return 0;
}

/* All or nothing: after a failure, the signals that were taken are given back. */
static int take_all(void)
{
	unsigned now = 0;

	for (size_t i = 0; i < MCSAFE__N_FATAL_SIGNALS; i++) {
		int result = take(mcsafe__fatal_signals[i]);

		if (result >= 0) {
			now |= (unsigned)result << i;
			continue;
		}
		while (i-- > 0)
			if (now & 1u << i)
				give_back(mcsafe__fatal_signals[i]);
		return result;
	}
	taken = (1u << MCSAFE__N_FATAL_SIGNALS) - 1;
	return 0;
}

static void begin_change(struct mcsafe__section *section)
{
	mcsafe__control_enter(section);
	if (changing) {
		taken = 0;
		for (size_t i = 0; i < MCSAFE__N_FATAL_SIGNALS; i++)
			taken |= (unsigned)is_live(mcsafe__fatal_signals[i]) << i;
	}
	changing = true;
}

static void end_change(const struct mcsafe__section *section)
{
	changing = false;
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

	for (size_t i = 0; i < MCSAFE__N_FATAL_SIGNALS; i++)
		if (!is_live(mcsafe__fatal_signals[i]))
			return 0;
	return 1;
}
