/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * accesses.h - whether a routine makes the same accesses in single steps as when it was built anew
 *
 * A check calls accesses_begin(), and for each case accesses_restart(), the routine itself with
 * STEP_FLAG set, the routine that code_rewrite() has built, and accesses_differ().
 */
#ifndef MCSAFE_TESTS_ACCESSES_H
#define MCSAFE_TESTS_ACCESSES_H

#include <stddef.h>

#include "code.h"

void accesses_begin(const struct code *code);
void accesses_end(void);

void accesses_restart(void);

/* So many single steps of a routine are enough, because each one is a signal. */
#define ACCESSES_ENOUGH 8000

/* The single steps since accesses_restart(). */
size_t accesses_steps(void);

/*
 * Whether they have made these accesses in this order: NULL, or what is different. Then
 * *at is the first access that differs.
 */
const char *accesses_differ(const struct code_record *records, size_t n, size_t *at);

#endif /* MCSAFE_TESTS_ACCESSES_H */
