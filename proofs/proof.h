/* SPDX-License-Identifier: BSD-3-Clause */
/* proof.h - what the harnesses share */
#ifndef MCSAFE_PROOFS_PROOF_H
#define MCSAFE_PROOFS_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Any value. CBMC lets such a function return every value, because of its name. */
size_t nondet_size(void);
uint64_t nondet_u64(void);
unsigned nondet_unsigned(void);
int nondet_int(void);
bool nondet_bool(void);

#define SUPPOSE(condition) __CPROVER_assume(condition)
#define PROVE(condition)   __CPROVER_assert(condition, #condition)

/* The last statement of a harness. The runner demands that this is reached: if the suppositions of
 * a harness contradict each other, nothing is, and everything seems proved. */
#ifdef MCSAFE_PROOF_END
# define END() __CPROVER_assert(false, "the end is reached")
#else
# define END() ((void)0)
#endif

#endif /* MCSAFE_PROOFS_PROOF_H */
