/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * events.h - what wait(2) says about the threads that are traced
 *
 * An event that is met while something else is waited for is put aside. Its thread stays stopped
 * until the event is taken.
 */
#ifndef MCSAFE_TOOLS_RUN_EVENTS_H
#define MCSAFE_TOOLS_RUN_EVENTS_H

#include <stdbool.h>
#include <sys/types.h>

struct event {
	pid_t tid;
	int status; /* of wait(2) */
};

/* Take the next event: one that was put aside, or wait for one. False: no thread is left. */
bool events_next(struct event *event);

/* Whether an event can be taken without waiting. If so, it is put aside. */
bool events_ready(void);

/* Wait for one thread. False: there is no such thread. */
bool events_wait(pid_t tid, int *status);

void events_put_aside(pid_t tid, int status);

/* Whether an event of the thread is put aside. */
bool events_has(pid_t tid);

/* Find out, before the program is started, whether this process has children already: a shell that
 * becomes mcsafe run by exec leaves it those that it has in the background. */
void events_begin(void);

/* Whether the last thread that is known was the last one that is traced: there are children of
 * another kind, which events_next() would wait for too, and no event is there. */
bool events_can_end(void);

#endif /* MCSAFE_TOOLS_RUN_EVENTS_H */
