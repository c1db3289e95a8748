/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * armed.c - the armed guards of a thread, innermost first
 *
 * Runs in the signal handler too. Of libc it calls memset, with MemorySanitizer.
 */
#include "guard.h"

#include <stdint.h>

#include "base/msan.h"

MCSAFE__GUARD_TLS struct mcsafe_guard *mcsafe__guard_top;

/* guard.S wrote the words up to MCSAFE_GUARD_ARMED, and MemorySanitizer did not see that. */
static void look_at(const struct mcsafe_guard *guard)
{
	mcsafe__msan_written(&guard->outer, sizeof(void *));
	mcsafe__msan_written(guard->state,
			     MCSAFE_GUARD_ARMED + sizeof(guard->state[0]) - MCSAFE_GUARD_STATE);
	(void)guard;
}

bool mcsafe__guard_is_armed(const struct mcsafe_guard *guard)
{
	look_at(guard);
	return MCSAFE__GUARD_WORD(guard, MCSAFE_GUARD_ARMED) ==
	       ((uintptr_t)guard ^ (uintptr_t)guard->outer);
}

struct mcsafe_guard *mcsafe__guard_outer(const struct mcsafe_guard *guard)
{
	struct mcsafe_guard *outer;

	look_at(guard);
	outer = guard->outer;
	/* Read before, as the frame of this function may lie over a guard that was left. */
	return MCSAFE__GUARD_WORD(guard, MCSAFE_GUARD_ARMED) ==
			       ((uintptr_t)guard ^ (uintptr_t)outer)
		       ? outer
		       : NULL;
}

/* Whether the frame that armed `inner` is gone when `guard` is armed now. guard.S has written the
 * registers of the new frame already. */
static bool is_below(const struct mcsafe_guard *inner, const struct mcsafe_guard *guard)
{
	look_at(inner);
	look_at(guard);
	return MCSAFE__GUARD_WORD(inner, MCSAFE_GUARD_RSP) <
	       MCSAFE__GUARD_WORD(guard, MCSAFE_GUARD_RSP);
}

/*
 * The guard's body was left, by longjmp(3) for example, and with it the bodies inside that body.
 * Guards that were armed after it in frames that are still there enclose the new body, and stay.
 */
struct mcsafe_guard *mcsafe__guard_was_left(struct mcsafe_guard *guard)
{
	struct mcsafe_guard *top = mcsafe__guard_top, *rest = mcsafe__guard_outer(guard), *at,
			    *next;

	while (top != NULL && top != guard && is_below(top, guard))
		top = mcsafe__guard_outer(top);
	if (top == NULL || top == guard) {
		top = rest;
	} else {
		/* A guard in between may be overwritten by now: the chain goes on after it. */
		for (at = top; (next = mcsafe__guard_outer(at)) != guard && next != NULL &&
			       mcsafe__guard_is_armed(next);)
			at = next;
		at->outer = rest;
		MCSAFE__GUARD_WORD(at, MCSAFE_GUARD_ARMED) = (uintptr_t)at ^ (uintptr_t)rest;
	}
	mcsafe__guard_top = top;
	return top;
}

void mcsafe_guard_chain_save(struct mcsafe_guard_chain *chain)
{
	*chain = (struct mcsafe_guard_chain){.top = mcsafe__guard_top};
	mcsafe__guard_top = NULL;
}

/* The chain may come from another thread, so each guard learns where this thread keeps its own. */
void mcsafe_guard_chain_restore(const struct mcsafe_guard_chain *chain)
{
	struct mcsafe_guard *guard = chain->top;

	while (guard != NULL && mcsafe__guard_is_armed(guard)) {
		MCSAFE__GUARD_WORD(guard, MCSAFE_GUARD_TOP) = (uintptr_t)&mcsafe__guard_top;
		guard = mcsafe__guard_outer(guard);
	}
	mcsafe__guard_top = chain->top;
}
