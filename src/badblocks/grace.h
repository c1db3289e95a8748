/* SPDX-License-Identifier: BSD-3-Clause */
/* grace.h - free memory only when no reader can be using it any more */
#ifndef MCSAFE_SRC_BADBLOCKS_GRACE_H
#define MCSAFE_SRC_BADBLOCKS_GRACE_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/page.h"
#include "base/stripe.h"

/*
 * A reader counts itself in before it loads the pointer to an object, and counts itself out when it
 * has finished. A writer first makes the object unreachable, and then retires it. A reader that is
 * not counted in when the writer looks at the counter begins later, and cannot find the object.
 * Therefore no reader holds the object once each counter has been seen at 0 after the object was
 * retired. The writer does not wait for that: it looks again at its next change.
 *
 * If new readers kept coming, a counter might never be 0. Therefore each slot has two counters.
 * Readers use the counter of the current turn, and the writer changes the turn before it looks at
 * the counter that readers have used so far.
 *
 * The counters are spread over slots, so that threads seldom write to the same cache line.
 */

struct mcsafe__grace_slot {
	_Alignas(MCSAFE__LINE) _Atomic size_t readers[2];
};

/* Must be the first member of an object that is retired. The object must come from malloc(3). */
struct mcsafe__retired {
	struct mcsafe__retired *next;
};

struct mcsafe__grace {
	struct mcsafe__grace_slot slots[MCSAFE__STRIPES];
	_Atomic unsigned turn;
	/* Only the writer uses these. */
	struct mcsafe__retired *fresh;   /* retired since `waiting` was closed */
	struct mcsafe__retired *waiting; /* until all slots are in `idle` */
	unsigned turn_passed;            /* since `waiting` was closed */
	unsigned idle;                   /* a bit for each slot: its counter has been seen at 0 */
};

/*
 * Count a reader in. Returns the counter, which mcsafe__grace_leave() takes. Counting in, and the
 * loads of pointers that follow, must be memory_order_seq_cst, like the writer's stores of these
 * pointers and its loads of the counters. AS-Safe.
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

/* One writer at a time: retire an object that no new reader can find; free those that no reader
 * holds. */
void mcsafe__grace_retire(struct mcsafe__grace *grace, struct mcsafe__retired *object);
void mcsafe__grace_reclaim(struct mcsafe__grace *grace);

/* Free all objects that were retired. There must be no readers. */
void mcsafe__grace_end(struct mcsafe__grace *grace);

#endif /* MCSAFE_SRC_BADBLOCKS_GRACE_H */
