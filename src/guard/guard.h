/* SPDX-License-Identifier: BSD-3-Clause */
/* guard.h - the private part of a guard */
#ifndef MCSAFE_SRC_GUARD_H
#define MCSAFE_SRC_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <ucontext.h>

#include <mcsafe/guard.h>

#include "asm/layout.h"
#include "landing/landing.h"
#include "report/child_setup.h"

_Static_assert(offsetof(struct mcsafe_guard, outer) == MCSAFE_GUARD_OUTER, "as in assembly");
_Static_assert(offsetof(struct mcsafe_guard, state) == MCSAFE_GUARD_STATE, "as in assembly");
_Static_assert(sizeof(struct mcsafe_guard) >= MCSAFE_GUARD_TOP + sizeof(uintptr_t),
	       "as in assembly");

/* A word of guard->state, by its offset (asm/layout.h). */
#define MCSAFE__GUARD_WORD(guard, offset) \
 ((guard)->state[((offset)-MCSAFE_GUARD_STATE) / sizeof(uintptr_t)])

/* Initial-exec, so that a signal handler reads it without a call and without an allocation. */
#define MCSAFE__GUARD_TLS _Thread_local __attribute__((tls_model("initial-exec")))

/* armed.c: the innermost armed guard of this thread. */
extern MCSAFE__GUARD_TLS struct mcsafe_guard *mcsafe__guard_top;

/*
 * armed.c: the next guard outwards; NULL at the end of the chain, and after a guard whose memory
 * was used for something else since it was armed.
 */
struct mcsafe_guard *mcsafe__guard_outer(const struct mcsafe_guard *guard);

/* armed.c: whether the guard holds what guard.S wrote when it was armed. */
bool mcsafe__guard_is_armed(const struct mcsafe_guard *guard);

/* armed.c: called by guard.S before a guard is armed that is on the chain already. Takes it off,
 * and returns the top of the chain. */
struct mcsafe_guard *mcsafe__guard_was_left(struct mcsafe_guard *guard);

/* claim.c: the hook of the handler (guard_hook.h). */
bool mcsafe__guard_claim(const struct mcsafe__landing *landing, ucontext_t *uc);

/* check.c, through a pointer: NULL unless mcsafe_guard_check() has asked for checks. */
typedef void (*mcsafe__guard_checker_fn)(const struct mcsafe_guard *guard, const ucontext_t *uc);
extern _Atomic(mcsafe__guard_checker_fn) mcsafe__guard_checker;

/* What check_set.c has prepared for the child of check.c. */
extern struct mcsafe__child_setup mcsafe__guard_check_setup;

/* check.c: report the frames that a jump skips. Runs in the handler, before the jump. */
void mcsafe__guard_check_jump(const struct mcsafe_guard *guard, const ucontext_t *uc);

/*
 * guard.S: where a thread goes on after the handler has set its registers from a guard. %rdi is the
 * guard. %esi is not 0 if there are upper vector halves to clear. C code must not call it.
 */
void mcsafe__guard_land(void);

#endif /* MCSAFE_SRC_GUARD_H */
