/* SPDX-License-Identifier: BSD-3-Clause */
/* handler.h - the parts of the signal handler: land, chain, install */
#ifndef MCSAFE_SRC_HANDLER_H
#define MCSAFE_SRC_HANDLER_H

#include <signal.h>
#include <stdbool.h>

#include "frame.h"

/*
 * asm/x86_64/signal_entry.S: the handlers that mcsafe_install() puts in place, the one of each
 * generation (chain_history.h) MCSAFE_ENTRY_SIZE bytes behind the one before it.
 */
void mcsafe__signal_entries(int signo, siginfo_t *si, void *ctx);

/*
 * signal.c: what the entries do. The arguments are the members of struct mcsafe__delivery. 0: return
 * from the handler; 1: go on in resume->handler on resume->frame.
 */
int mcsafe__on_signal(int signo, siginfo_t *si, void *ctx, const void *frame,
		      struct mcsafe__resume *resume, unsigned generation);

/*
 * chain.c: pass a signal that is not ours to the previous action, or die of it. The result is that
 * of mcsafe__on_signal(). AS-Safe.
 */
bool mcsafe__chain(const struct mcsafe__delivery *delivery);

/* chain.c: whether this very signal has been passed to a previous handler already. AS-Safe. */
bool mcsafe__was_passed_on(const siginfo_t *si);

/*
 * chain_history.c: remember an action that was found under ours, as the one to pass signals to from now
 * on. The generation whose entry is to be installed for that; or -ENOSPC. Callers hold the lock of
 * control.c. May run beside mcsafe__chain().
 */
int mcsafe__chain_push(int signo, const struct sigaction *action);

/* chain_history.c: the action that an entry passes signals to, as sigaction(2) should get it back. */
void mcsafe__chain_top(int signo, unsigned generation, struct sigaction *action);

#endif /* MCSAFE_SRC_HANDLER_H */
