/* SPDX-License-Identifier: BSD-3-Clause */
/* breakpoint.h - look at a routine when it comes to an instruction */
#ifndef MCSAFE_TESTS_BREAKPOINT_H
#define MCSAFE_TESTS_BREAKPOINT_H

#include <stdint.h>
#include <ucontext.h>

/* Called with the state before the instruction that has a breakpoint, which is then gone. AS-Safe. */
typedef void breakpoint_fn(const ucontext_t *context);

/* Breakpoints in code of this program between these addresses, until breakpoints_end(). */
void breakpoints_begin(uintptr_t start, uintptr_t end, breakpoint_fn *reached);
void breakpoints_end(void);

void breakpoint_set(uintptr_t insn);

/* Takes those away that were not reached. */
void breakpoints_clear(void);

#endif /* MCSAFE_TESTS_BREAKPOINT_H */
