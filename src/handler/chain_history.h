/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * chain_history.h - the previous actions of a signal, and the order in which they are tried
 *
 * chain_history.c writes them under the lock of control.c. chain.c reads them in the signal handler
 * without a lock: an action is written once and never changes, and an order is one atomic word.
 */
#ifndef MCSAFE_SRC_HANDLER_CHAIN_HISTORY_H
#define MCSAFE_SRC_HANDLER_CHAIN_HISTORY_H

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "asm/layout.h"
#include "base/fatal_signals.h"

/*
 * An order is a word of 16 fields of 4 bits. The lowest field holds the number of actions. The next
 * fields hold one index into seen[] each, the newest action first. So there are at most 15 actions.
 */
#define MCSAFE__ORDER_FIELD 4
#define MCSAFE__ACTIONS_MAX ((1u << MCSAFE__ORDER_FIELD) - 1)

/*
 * Each mcsafe_install() that finds another action in front of ours makes a generation. A generation
 * has an order of its own and an entry of our handler of its own (signal_entry.S). An action that
 * was installed over an earlier generation has the entry of that generation as its previous
 * handler. It may pass a signal on to that entry, or put that entry back and raise the signal again
 * (as CPython's faulthandler does). The entry then passes the signal to the actions that were there
 * before, so the signal does not go round in circles.
 */
struct mcsafe__history {
	/* Below n_seen they never change. The lock protects n_seen, n_generations and newest. */
	struct sigaction seen[MCSAFE__ACTIONS_MAX];
	unsigned n_seen;
	unsigned n_generations;
	unsigned newest;
	/* Each is written once, before the entry of its generation is installed. */
	_Atomic uint64_t orders[MCSAFE_GENERATIONS];
	/* Bit i: seen[i] had SA_RESETHAND and has been called, so it is SIG_DFL now. */
	_Atomic uint32_t spent;
};

/*
 * One history for each fatal signal. chain.c defines them, so that the signal handler needs no
 * object that runs at install time.
 */
extern struct mcsafe__history mcsafe__histories[MCSAFE__N_FATAL_SIGNALS];

static inline struct mcsafe__history *mcsafe__history_of(int signo)
{
	return &mcsafe__histories[signo == SIGBUS];
}

static inline unsigned mcsafe__order_len(uint64_t order)
{
	return (unsigned)(order & MCSAFE__ACTIONS_MAX);
}

static inline unsigned mcsafe__order_at(uint64_t order, unsigned depth)
{
	return (unsigned)(order >> (MCSAFE__ORDER_FIELD * (depth + 1)) & MCSAFE__ACTIONS_MAX);
}

/* The bit of seen[index] in a set of actions. */
static inline uint32_t mcsafe__action_bit(unsigned index)
{
	return UINT32_C(1) << index;
}

/*
 * The first action of a generation that is not in the set of those that have been called, and its
 * index in seen[]. NULL if all have been called. AS-Safe.
 */
static inline const struct sigaction *mcsafe__first_not_in(struct mcsafe__history *history,
							   uint32_t called, unsigned generation,
							   unsigned *index)
{
	uint64_t order = atomic_load_explicit(&history->orders[generation], memory_order_acquire);

	for (unsigned i = 0; i < mcsafe__order_len(order); i++) {
		*index = mcsafe__order_at(order, i);
		if (!(called & mcsafe__action_bit(*index)))
			return &history->seen[*index];
	}
	return NULL;
}

#endif /* MCSAFE_SRC_HANDLER_CHAIN_HISTORY_H */
