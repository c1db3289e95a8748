/* SPDX-License-Identifier: BSD-3-Clause */
/* breakpoint.h - looks at a routine when it reaches an instruction */
#ifndef MCSAFE_TESTS_BREAKPOINT_H
#define MCSAFE_TESTS_BREAKPOINT_H

#include <stdint.h>
#include <ucontext.h>

/*
 * Called with the state before an instruction that had a breakpoint, which is now removed. AS-Safe.
 */
typedef void breakpoint_fn(const ucontext_t *context);

/* Allows breakpoints in code of this program between these addresses, until breakpoints_end(). */
void breakpoints_begin(uintptr_t start, uintptr_t end, breakpoint_fn *reached);
void breakpoints_end(void);

void breakpoint_set(uintptr_t insn);

/* Removes the breakpoints that were not reached. */
void breakpoints_clear(void);

#endif /* MCSAFE_TESTS_BREAKPOINT_H */
