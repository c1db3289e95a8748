/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * chain_order.c
 *
 * function: order_with_front, mcsafe__first_not_in
 * property: no action twice, the new one first, none lost; the first that was not called is found
 * loops: bounded, up to 4 actions
 * unwind: 7
 * conversions: checked
 * break: src/handler/chain_history.c s/if (other != index)/if (other != index || i == 0)/
 * break: src/handler/chain_history.c s/unsigned n = 1;/unsigned n = 0;/
 * break: src/handler/chain_history.c s/\* ++n)/* n++)/
 * break: src/handler/chain_history.h s/i < mcsafe__order_len(/i + 1 < mcsafe__order_len(/
 * break: src/handler/chain_history.h s/(depth + 1))/depth)/
 */
#include "proof.h"

#include "../src/handler/chain_history.c"

#define MOST 5 /* one of them is new */

struct mcsafe__history mcsafe__histories[MCSAFE__N_FATAL_SIGNALS];

/* Whether it is an order: of actions that exist, none of them twice. *set becomes their set. */
static bool is_order(uint64_t order, uint32_t *set)
{
	unsigned len = order & 15;

	*set = 0;
	for (unsigned i = 0; i < MOST; i++) {
		unsigned index = order >> (4 * (i + 1)) & 15;

		if (i >= len)
			continue;
		if (index >= MOST || (*set & 1u << index) != 0)
			return false;
		*set |= 1u << index;
	}
	return true;
}

/* Where an action is in an order, or MOST. */
static unsigned place(uint64_t order, unsigned index)
{
	for (unsigned i = 0; i < MOST; i++)
		if (i < (order & 15) && (order >> (4 * (i + 1)) & 15) == index)
			return i;
	return MOST;
}

void proof(void)
{
	struct mcsafe__history *history = &mcsafe__histories[0];
	uint64_t order = nondet_u64(), next;
	uint32_t before, after, called = 0, wanted;
	unsigned front = nondet_unsigned(), a = nondet_unsigned(), b = nondet_unsigned(), index;
	const struct sigaction *action;

	SUPPOSE((order & 15) < MOST && is_order(order, &before));
	SUPPOSE(front < MOST && a < MOST && b < MOST);
	next = order_with_front(order, front);
	PROVE(is_order(next, &after));
	PROVE(after == (before | 1u << front) && place(next, front) == 0);
	/* All others are in the order in which they were. */
	if (a != front && b != front && place(order, a) < place(order, b))
		PROVE(place(next, a) < place(next, b));
	if ((next & 15) == MOST)
		REACH();

	history->orders[0] = next;
	called = nondet_unsigned();
	wanted = after & ~called;
	action = mcsafe__first_not_in(history, called, 0, &index);
	PROVE((action == NULL) == (wanted == 0));
	if (action != NULL) {
		PROVE(index < MOST && action == &history->seen[index]);
		PROVE((wanted & mcsafe__action_bit(index)) != 0);
		/* None that is wanted comes before it. */
		PROVE((wanted & 1u << a) == 0 || place(next, a) >= place(next, index));
		REACH();
	}
	END();
}
