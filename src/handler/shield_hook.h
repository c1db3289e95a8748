/* SPDX-License-Identifier: BSD-3-Clause */
/* shield_hook.h - how a fault that no guard wants reaches the shields, which are a layer above */
#ifndef MCSAFE_SRC_SHIELD_HOOK_H
#define MCSAFE_SRC_SHIELD_HOOK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <ucontext.h>

#include "landing/landing.h"

/*
 * Called for each fault of this thread whose instruction has no row and that no guard wants. True:
 * the instruction shall run again. False: no shield wants the fault. The kind in the facts is 0.
 * Must be AS-Safe. May change errno.
 */
typedef bool (*mcsafe__shield_hook_fn)(const struct mcsafe__landing *landing, const ucontext_t *uc);

/* NULL until the process opens its first shield. It never changes after that. */
extern _Atomic(mcsafe__shield_hook_fn) mcsafe__shield_hook;

#endif /* MCSAFE_SRC_SHIELD_HOOK_H */
