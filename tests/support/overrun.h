/* SPDX-License-Identifier: BSD-3-Clause */
/* overrun.h - a recursion that runs past the end of its stack */
#ifndef MCSAFE_TESTS_OVERRUN_H
#define MCSAFE_TESTS_OVERRUN_H

/* Does not return: a store past the end of the stack faults. */
int t_overrun_stack(void);

#endif /* MCSAFE_TESTS_OVERRUN_H */
