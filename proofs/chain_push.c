/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * chain_push.c
 *
 * function: mcsafe__chain_push, generation_of (chain_history.c)
 * property: never more actions or generations than fit; -ENOSPC exactly then; the others stay
 * loops: all actions; 3 generations, not 32; up to 4 actions in an order, which chain_order covers
 * unwind: 17
 * break: src/handler/chain_history.c s/n_generations == MCSAFE_GENERATIONS/n_generations == 9/
 * break: src/handler/chain_history.c s/if (i == MCSAFE__ACTIONS_MAX)/if (i > MCSAFE__ACTIONS_MAX)/
 * break: src/handler/chain_history.c s/return (int)history->n_generations++/return 0/
 * break: src/handler/chain_history.c s/if (i == history->n_seen)/if (false)/
 * break: src/handler/chain_history.c s/history->newest = (unsigned)generation;/;/
 */
#include "proof.h"

#include <signal.h>

#include "asm/layout.h"

/* Each generation, and each signal of a mask, is compared in the same way. */
#undef MCSAFE_GENERATIONS
#define MCSAFE_GENERATIONS 3
#undef _NSIG
#define _NSIG 2

#include "../src/handler/chain_history.c"

struct mcsafe__history mcsafe__histories[MCSAFE__N_FATAL_SIGNALS];

/* All masks are the same here. */
int sigismember(const sigset_t *set, int signo)
{
	PROVE(set != NULL && signo == 1);
	return 0;
}

static struct mcsafe__history *const history = &mcsafe__histories[0];

static void any_history(void)
{
	history->n_seen = nondet_unsigned();
	history->n_generations = nondet_unsigned();
	history->newest = nondet_unsigned();
	SUPPOSE(history->n_seen <= MCSAFE__ACTIONS_MAX);
	SUPPOSE(history->n_generations >= 1 && history->n_generations <= MCSAFE_GENERATIONS);
	SUPPOSE(history->newest < history->n_generations);
	for (unsigned i = 0; i < MCSAFE_GENERATIONS; i++) {
		history->orders[i] = nondet_u64();
		SUPPOSE((history->orders[i] & 15) <= 4);
	}
	for (unsigned i = 0; i < MCSAFE__ACTIONS_MAX; i++)
		history->seen[i].sa_flags = nondet_int();
}

void proof(void)
{
	struct sigaction action = {.sa_flags = nondet_int()};
	unsigned k = nondet_unsigned(), known = MCSAFE__ACTIONS_MAX, old = MCSAFE_GENERATIONS;
	struct mcsafe__history before;
	uint64_t order;
	int result;

	any_history();
	before = *history;
	for (unsigned i = MCSAFE__ACTIONS_MAX; i-- > 0;)
		if (i < before.n_seen && before.seen[i].sa_flags == action.sa_flags)
			known = i;

	result = mcsafe__chain_push(SIGSEGV, &action);
	PROVE(history->n_seen <= MCSAFE__ACTIONS_MAX);
	PROVE(history->n_generations <= MCSAFE_GENERATIONS);
	if (k < before.n_generations)
		PROVE(history->orders[k] == before.orders[k]);
	if (k < before.n_seen)
		PROVE(history->seen[k].sa_flags == before.seen[k].sa_flags);

	if (known == MCSAFE__ACTIONS_MAX && before.n_seen == MCSAFE__ACTIONS_MAX) {
		PROVE(result == -ENOSPC && history->newest == before.newest);
		REACH();
		return;
	}
	if (known == MCSAFE__ACTIONS_MAX)
		known = before.n_seen;
	order = order_with_front(before.orders[before.newest], known);
	for (unsigned i = MCSAFE_GENERATIONS; i-- > 0;)
		if (i < before.n_generations && before.orders[i] == order)
			old = i;
	if (old == MCSAFE_GENERATIONS && before.n_generations == MCSAFE_GENERATIONS) {
		PROVE(result == -ENOSPC && history->newest == before.newest);
		REACH();
		return;
	}
	PROVE(result == (int)(old < MCSAFE_GENERATIONS ? old : before.n_generations));
	PROVE(history->newest == (unsigned)result && history->orders[result] == order);
	PROVE(known < history->n_seen && history->seen[known].sa_flags == action.sa_flags);
	END();
}
