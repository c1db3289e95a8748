/* SPDX-License-Identifier: BSD-3-Clause */
/* grace.h - when memory that readers may be looking at can be given back */
#ifndef MCSAFE_SRC_BADBLOCKS_GRACE_H
#define MCSAFE_SRC_BADBLOCKS_GRACE_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/page.h"
#include "base/stripe.h"

/*
 * A reader counts itself in before it loads the pointer to what it reads, and out when it has done.
 * A writer takes an object out of reach first and retires it then. A reader that was not counted
 * when the writer looked comes later, and cannot find the object any more; so once each counter has
 * been seen to be 0 since, nobody holds it. Nobody waits: the writer looks again at its next change.
 *
 * Readers that keep coming could keep a counter from ever being 0. Hence there are two for each
 * slot: readers take the one of the current turn, and the turn passes to the other one before the
 * writer looks at the first.
 *
 * The counters are spread over slots, so that threads seldom write to the same cache line.
 */

struct mcsafe__grace_slot {
	_Alignas(MCSAFE__LINE) _Atomic size_t readers[2];
};

/* To be the first member of what is retired; it must have come from malloc(). */
struct mcsafe__retired {
	struct mcsafe__retired *next;
};

struct mcsafe__grace {
	struct mcsafe__grace_slot slots[MCSAFE__STRIPES];
	_Atomic unsigned turn;
	/* The writer's own. */
	struct mcsafe__retired *fresh;   /* retired since `waiting` was closed */
	struct mcsafe__retired *waiting; /* for what is not in `idle` yet */
	unsigned turn_passed;            /* since `waiting` was closed */
	unsigned idle; /* slots whose counter has been seen to be 0: a bit for each */
};

/*
 * Enter, and get what to leave with. The counting and the loads of pointers that follow must be
 * memory_order_seq_cst, as the writer's stores of them and its looking at the counters are. AS-Safe.
 */
static inline _Atomic size_t *mcsafe__grace_enter(struct mcsafe__grace *grace)
{
	size_t slot = mcsafe__stripe_of_thread();
	unsigned turn = atomic_load_explicit(&grace->turn, memory_order_relaxed);
	_Atomic size_t *readers = &grace->slots[slot].readers[turn];

	atomic_fetch_add(readers, 1);
	return readers;
}

static inline void mcsafe__grace_leave(_Atomic size_t *readers)
{
	atomic_fetch_sub_explicit(readers, 1, memory_order_release);
}

/* For one writer at a time: retire what no new reader can find, and free what no reader holds. */
void mcsafe__grace_retire(struct mcsafe__grace *grace, struct mcsafe__retired *object);
void mcsafe__grace_reclaim(struct mcsafe__grace *grace);

/* Free all that was retired; there are no readers. */
void mcsafe__grace_end(struct mcsafe__grace *grace);

#endif /* MCSAFE_SRC_BADBLOCKS_GRACE_H */
