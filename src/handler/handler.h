/* SPDX-License-Identifier: BSD-3-Clause */
/* handler.h - the parts of the signal handler: enter, land, chain, install */
#ifndef MCSAFE_SRC_HANDLER_H
#define MCSAFE_SRC_HANDLER_H

#include <signal.h>
#include <stdbool.h>

#include "frame.h"

/*
 * asm/x86_64/signal_entry.S: the handlers that mcsafe_install() puts in place, one for each
 * generation (chain_history.h). That of generation g is g * MCSAFE_ENTRY_SIZE bytes after this
 * address.
 */
void mcsafe__signal_entries(int signo, siginfo_t *si, void *ctx);

/*
 * asm/x86_64/signal_entry.S: where a thread goes on that must die of a signal if no system call is
 * allowed. It has the signal blocked, and %r11 is where it was. mcsafe__raise_sigbus needs the flag
 * AC. C code must not call them.
 */
void mcsafe__raise_sigbus(void);
void mcsafe__raise_sigsegv(void);

/*
 * signal.c: what the entries do. The arguments are the members of struct mcsafe__delivery. 0:
 * return from the handler; 1: go on in resume->handler on resume->frame.
 */
int mcsafe__on_signal(int signo, siginfo_t *si, void *ctx, const void *frame,
		      struct mcsafe__resume *resume, unsigned generation);

/*
 * chain.c: pass a signal that is not ours to the previous action, or die of it. False: return from
 * the handler; true: go on in resume->handler on resume->frame. AS-Safe.
 */
bool mcsafe__chain(const struct mcsafe__delivery *delivery);

/* chain.c: whether this same signal has been passed to a previous handler before. AS-Safe. */
bool mcsafe__was_passed_on(const siginfo_t *si);

/*
 * chain_history.c: record an action that sigaction(2) returned, so that signals go to it from now
 * on. Returns the generation whose entry the caller must install for that; or -ENOSPC if there are
 * MCSAFE__ACTIONS_MAX actions, or MCSAFE_GENERATIONS generations. The caller must hold the lock of
 * control.c. mcsafe__chain() may run at the same time.
 */
int mcsafe__chain_push(int signo, const struct sigaction *action);

/*
 * chain_history.c: the action that the entry of a generation passes signals to first, as
 * sigaction(2) must restore it. SIG_DFL if that action had SA_RESETHAND and has been called.
 */
void mcsafe__chain_top(int signo, unsigned generation, struct sigaction *action);

#endif /* MCSAFE_SRC_HANDLER_H */
