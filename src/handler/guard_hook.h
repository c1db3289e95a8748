/* SPDX-License-Identifier: BSD-3-Clause */
/* guard_hook.h - how a fault that has no row reaches the guards, which are a layer above */
#ifndef MCSAFE_SRC_GUARD_HOOK_H
#define MCSAFE_SRC_GUARD_HOOK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <ucontext.h>

#include "landing/landing.h"

/*
 * Called for each fault of this thread whose instruction has no row. True: the hook has changed
 * *uc, so that the thread goes on at a guard. False: no guard wants the fault. The kind in the
 * facts is 0. Must be AS-Safe.
 */
typedef bool (*mcsafe__guard_hook_fn)(const struct mcsafe__landing *landing, ucontext_t *uc);

/* NULL until the process arms its first guard (guard.S). It never changes after that. */
extern _Atomic(mcsafe__guard_hook_fn) mcsafe__guard_hook;

#endif /* MCSAFE_SRC_GUARD_HOOK_H */
