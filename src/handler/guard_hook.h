/* SPDX-License-Identifier: BSD-3-Clause */
/* guard_hook.h - how a fault that has no row reaches the guards, which are a layer above */
#ifndef MCSAFE_SRC_GUARD_HOOK_H
#define MCSAFE_SRC_GUARD_HOOK_H

#include <stdatomic.h>
#include <ucontext.h>

#include "landing/landing.h"

/*
 * Asked about each fault of this thread that has no row. 1: *uc has been changed to go on
 * elsewhere; 0: not ours. Must be AS-Safe. The kind in the facts is 0.
 */
typedef int (*mcsafe__guard_hook_fn)(const struct mcsafe__landing *landing, ucontext_t *uc);

/* NULL until the first guard of the process is armed; then always the same (guard.S). */
extern _Atomic(mcsafe__guard_hook_fn) mcsafe__guard_hook;

#endif /* MCSAFE_SRC_GUARD_HOOK_H */
