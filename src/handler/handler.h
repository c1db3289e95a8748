/* SPDX-License-Identifier: BSD-3-Clause */
/* handler.h - the parts of the signal handler: land, chain, install */
#ifndef MCSAFE_SRC_HANDLER_H
#define MCSAFE_SRC_HANDLER_H

#include <signal.h>

#include "frame.h"

/* asm/x86_64/signal_entry.S: the handler that mcsafe_install() puts in place. */
void mcsafe__signal_entry(int signo, siginfo_t *si, void *ctx);

/*
 * signal.c: what it does. frame is %rsp at the entry. 0: return from the handler; 1: go on in
 * resume->handler on resume->frame.
 */
int mcsafe__on_signal(int signo, siginfo_t *si, void *ctx, const void *frame,
		      struct mcsafe__resume *resume);

/*
 * chain.c: pass a signal that is not ours to the previous action, or die of it. The result and
 * the last two arguments are those of mcsafe__on_signal(). AS-Safe.
 */
int mcsafe__chain(int signo, siginfo_t *si, void *ctx, const void *frame,
		  struct mcsafe__resume *resume);

/* chain.c: how many previous handlers this very signal has been passed to already. AS-Safe. */
unsigned mcsafe__visit_depth(const siginfo_t *si);

/*
 * chain.c: remember an action that was found under ours, as the one to pass signals to from now
 * on. 0, or -ENOSPC. Callers hold the lock of control.c. May run beside mcsafe__chain().
 */
int mcsafe__chain_push(int signo, const struct sigaction *action);

/* chain.c: the action that signals are passed to now, as sigaction(2) should get it back. */
void mcsafe__chain_top(int signo, struct sigaction *action);

#endif /* MCSAFE_SRC_HANDLER_H */
