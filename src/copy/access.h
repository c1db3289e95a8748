/* SPDX-License-Identifier: BSD-3-Clause */
/* access.h - the routines of asm/x86_64/access_word.S, as C sees them */
#ifndef MCSAFE_SRC_ACCESS_H
#define MCSAFE_SRC_ACCESS_H

#include <stdint.h>

#include <mcsafe/fault.h>

/* Each routine writes *fault if its access fails, and only then. fault->cause is not NONE then. */
typedef uint64_t mcsafe__load_fn(const void *p, struct mcsafe_fault *fault);
typedef uint64_t mcsafe__store_fn(void *p, uint64_t value, struct mcsafe_fault *fault);
typedef uint64_t mcsafe__cmpxchg_fn(void *p, uint64_t value, struct mcsafe_fault *fault,
				    uint64_t expected);

mcsafe__load_fn mcsafe__load_1, mcsafe__load_2, mcsafe__load_4, mcsafe__load_8;
mcsafe__store_fn mcsafe__store_1, mcsafe__store_2, mcsafe__store_4, mcsafe__store_8;
mcsafe__store_fn mcsafe__xchg_1, mcsafe__xchg_2, mcsafe__xchg_4, mcsafe__xchg_8;
mcsafe__cmpxchg_fn mcsafe__cmpxchg_1, mcsafe__cmpxchg_2, mcsafe__cmpxchg_4, mcsafe__cmpxchg_8;

#endif /* MCSAFE_SRC_ACCESS_H */
