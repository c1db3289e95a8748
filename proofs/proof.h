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

/*
 * END() is the last statement of a harness, and REACH() stands where a property would hold
 * trivially if nothing came there. The runner demands that each of them is reached: if the
 * suppositions of a harness contradict each other, nothing is, and everything seems proved.
 */
#ifdef MCSAFE_PROOF_REACH
# define PROVE(condition) ((void)(condition))
# define REACH()          __CPROVER_assert(false, "reached")
#else
# define PROVE(condition) __CPROVER_assert(condition, # condition)
# define REACH()          ((void)0)
#endif
#define END() REACH()

#endif /* MCSAFE_PROOFS_PROOF_H */
