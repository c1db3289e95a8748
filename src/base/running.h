/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * running.h - how many calls on an object are running, so that its end can wait for them
 *
 * A call counts itself in and out. Both counters are spread over cache lines, so that threads
 * seldom write to the same line. Where the C library has registered restartable sequences, each
 * processor has a line, and counting in and out takes two plain additions. Elsewhere a thread uses
 * one of a few lines, by locked additions, which take five times as long.
 */
#ifndef MCSAFE_SRC_BASE_RUNNING_H
#define MCSAFE_SRC_BASE_RUNNING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "page.h"
#include "rseq.h"
#include "stripe.h"

struct mcsafe__running_part {
	_Alignas(MCSAFE__LINE) _Atomic size_t in;
	_Atomic size_t out;
};

struct mcsafe__running {
	struct mcsafe__running_part parts[MCSAFE__STRIPES];
	struct mcsafe__running_part *processors; /* NULL: locked additions only */
	size_t n_processors;
};

/* The object must be all zeros. Allocates, and needs no memory: without it, additions are locked.
 * MT-Safe. */
void mcsafe__running_init(struct mcsafe__running *running);
/* Free what mcsafe__running_init() has allocated. No call runs, and none begins. */
void mcsafe__running_end(struct mcsafe__running *running);
/*
 * Wait until no call is running. The caller sees to it that no call begins, except by
 * mcsafe__running_enter_locked().
 */
void mcsafe__running_wait(struct mcsafe__running *running);

/* Whether a call is running that this thread can know of. */
bool mcsafe__running_any(const struct mcsafe__running *running);

/* A locked addition, which is also a memory barrier (memory_order_seq_cst). AS-Safe. */
static inline void mcsafe__running_enter_locked(struct mcsafe__running *running)
{
	atomic_fetch_add(&running->parts[mcsafe__stripe_of_thread()].in, 1);
}

/* AS-Safe. */
static inline void mcsafe__running_enter(struct mcsafe__running *running)
{
	if (running->processors == NULL ||
	    !mcsafe__rseq_add_1(&running->processors->in, running->n_processors))
		mcsafe__running_enter_locked(running);
}

/* All that the call has done comes before (memory_order_release: x86 keeps stores in order). It may
 * run on another processor than mcsafe__running_enter(). AS-Safe. */
static inline void mcsafe__running_leave(struct mcsafe__running *running)
{
	if (running->processors == NULL ||
	    !mcsafe__rseq_add_1(&running->processors->out, running->n_processors))
		atomic_fetch_add_explicit(&running->parts[mcsafe__stripe_of_thread()].out, 1,
					  memory_order_release);
}

#endif /* MCSAFE_SRC_BASE_RUNNING_H */
