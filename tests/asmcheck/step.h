/* SPDX-License-Identifier: BSD-3-Clause */
/* step.h - runs a routine one instruction at a time */
#ifndef MCSAFE_TESTS_STEP_H
#define MCSAFE_TESTS_STEP_H

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

/* Called with the state before each instruction of fn. Returns false to end the steps. AS-Safe. */
typedef bool step_fn(void *arg, const ucontext_t *context);

/* The value in context of the mask register of that number. */
uint64_t step_mask(const ucontext_t *context, int number);

/* Watches calls of entry with STEP_FLAG set, until step_end(). */
void step_begin(uintptr_t entry, step_fn *see, void *arg);
void step_end(void);

/* EFLAGS.TF: a SIGTRAP after each instruction. */
#define STEP_FLAG 0x100

#endif /* MCSAFE_TESTS_STEP_H */
