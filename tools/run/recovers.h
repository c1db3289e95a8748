/* SPDX-License-Identifier: BSD-3-Clause */
/* recovers.h - which processes answer SIGBUS themselves */
#ifndef MCSAFE_TOOLS_RUN_RECOVERS_H
#define MCSAFE_TOOLS_RUN_RECOVERS_H

#include <stdbool.h>

#include "run/proc.h"
#include "run/tasks.h"

/* What to do with processes that have a handler of SIGBUS. */
enum handlers {
	HANDLERS_KNOWN, /* leave alone those whose handler is known to recover */
	HANDLERS_ALL,   /* leave alone all that have a handler */
	HANDLERS_NONE,  /* leave none alone */
};

/* Whether a process is left alone when it meets SIGBUS. */
bool recovers_itself(struct task *task, const struct proc *proc, enum handlers handlers);

#endif /* MCSAFE_TOOLS_RUN_RECOVERS_H */
