/* SPDX-License-Identifier: BSD-3-Clause */
/* recovers.c - which processes answer SIGBUS themselves */
#include "run/recovers.h"

#include <signal.h>

#include "run/known.h"

bool recovers_itself(struct task *task, const struct proc *proc, enum handlers handlers)
{
	if (handlers == HANDLERS_NONE || !proc_has(proc->caught, SIGBUS))
		return false;
	if (handlers == HANDLERS_ALL)
		return true;
	if (task->space->recovers == RECOVERS_UNKNOWN)
		task->space->recovers = known_to_recover(proc->pid) ? RECOVERS : RECOVERS_NOT;
	return task->space->recovers == RECOVERS;
}
