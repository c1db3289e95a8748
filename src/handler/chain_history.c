/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * chain_history.c - record the previous actions of a signal
 *
 * Runs when a handler is installed or uninstalled, under the lock of control.c. The signal handler
 * does not use this file.
 */
#include "chain_history.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "handler.h"

/* The same order with the action of that index moved, or added, to its front. */
static uint64_t order_with_front(uint64_t order, unsigned index)
{
	uint64_t next = (uint64_t)index << MCSAFE__ORDER_FIELD;
	unsigned n = 1;

	for (unsigned i = 0; i < mcsafe__order_len(order); i++) {
		uint64_t other = mcsafe__order_at(order, i);

		if (other != index)
			next |= other << (MCSAFE__ORDER_FIELD * ++n);
	}
	return next | n;
}

static bool same_action(const struct sigaction *a, const struct sigaction *b)
{
	if (a->sa_handler != b->sa_handler || a->sa_flags != b->sa_flags)
		return false;
	for (int signo = 1; signo < _NSIG; signo++)
		if (sigismember(&a->sa_mask, signo) != sigismember(&b->sa_mask, signo))
			return false;
	return true;
}

/* The generation that has this order. If there is none, make it. */
static int generation_of(struct mcsafe__history *history, uint64_t order)
{
	for (unsigned i = 0; i < history->n_generations; i++)
		if (atomic_load_explicit(&history->orders[i], memory_order_relaxed) == order)
			return (int)i;
	if (history->n_generations == MCSAFE_GENERATIONS)
		return -ENOSPC;
	atomic_store_explicit(&history->orders[history->n_generations], order,
			      memory_order_release);
	return (int)history->n_generations++;
}

int mcsafe__chain_push(int signo, const struct sigaction *action)
{
	struct mcsafe__history *history = mcsafe__history_of(signo);
	uint64_t order =
		atomic_load_explicit(&history->orders[history->newest], memory_order_relaxed);
	int generation;
	unsigned i;

	for (i = 0; i < history->n_seen; i++)
		if (same_action(&history->seen[i], action))
			break;
	if (i == MCSAFE__ACTIONS_MAX)
		return -ENOSPC;
	if (i == history->n_seen)
		history->seen[history->n_seen++] = *action;
	generation = generation_of(history, order_with_front(order, i));
	if (generation < 0)
		return generation;
	history->newest = (unsigned)generation;
	/* The program has installed this action anew, so SA_RESETHAND allows one more call. */
	atomic_fetch_and(&history->spent, ~mcsafe__action_bit(i));
	return generation;
}

void mcsafe__chain_top(int signo, unsigned generation, struct sigaction *action)
{
	struct mcsafe__history *history = mcsafe__history_of(signo);
	unsigned index;
	const struct sigaction *top = mcsafe__first_not_in(history, 0, generation, &index);

	if (top != NULL && !(atomic_load(&history->spent) & mcsafe__action_bit(index))) {
		*action = *top;
		return;
	}
	memset(action, 0, sizeof(*action));
	action->sa_handler = SIG_DFL;
}
