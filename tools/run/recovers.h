/* SPDX-License-Identifier: BSD-3-Clause */
/* recovers.h - which processes answer SIGBUS themselves */
#ifndef MCSAFE_TOOLS_RUN_RECOVERS_H
#define MCSAFE_TOOLS_RUN_RECOVERS_H

#include <stdbool.h>

#include "run/known.h"
#include "run/proc.h"
#include "run/tasks.h"

/* Whether a process is left alone when it meets SIGBUS. */
bool recovers_itself(struct task *task, const struct proc *proc, enum handlers handlers);

#endif /* MCSAFE_TOOLS_RUN_RECOVERS_H */
