/* SPDX-License-Identifier: BSD-3-Clause */
/* events.c - what wait(2) says about the threads that are traced */
#include "run/events.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/tool.h"

static struct {
	struct event *at;
	size_t count, room;
} aside;

static bool has_own_children;

void events_begin(void)
{
	siginfo_t info;

	has_own_children = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

bool events_can_end(void)
{
	return has_own_children && !events_ready();
}

void events_put_aside(pid_t tid, int status)
{
	if (aside.count == aside.room) {
		size_t room = aside.room != 0 ? aside.room * 2 : 16;
		struct event *more = tool_alloc(room, sizeof(*more));

		if (aside.count > 0)
			memcpy(more, aside.at, aside.count * sizeof(*more));
		free(aside.at);
		aside.at = more;
		aside.room = room;
	}
	aside.at[aside.count++] = (struct event){.tid = tid, .status = status};
}

bool events_has(pid_t tid)
{
	for (size_t i = 0; i < aside.count; i++)
		if (aside.at[i].tid == tid)
			return true;
	return false;
}

static bool wait_for(pid_t tid, int flags, struct event *event)
{
	do
		event->tid = waitpid(tid, &event->status, __WALL | flags);
	while (event->tid < 0 && errno == EINTR);
	return event->tid > 0;
}

bool events_next(struct event *event)
{
	if (aside.count == 0)
		return wait_for(-1, 0, event);
	*event = aside.at[0];
	aside.count--;
	memmove(aside.at, aside.at + 1, aside.count * sizeof(*aside.at));
	return true;
}

bool events_ready(void)
{
	struct event event;

	if (aside.count > 0)
		return true;
	if (!wait_for(-1, WNOHANG, &event))
		return false;
	events_put_aside(event.tid, event.status);
	return true;
}

/*
 * If another thread calls execve(2), or the process ends, the kernel waits until all threads that
 * are killed for that are waited for. Only then the first thread of the process has an event. So
 * the events of all must be taken, and not that of the thread alone.
 */
bool events_wait(pid_t tid, int *status)
{
	struct event event;

	while (wait_for(-1, 0, &event)) {
		if (event.tid == tid) {
			*status = event.status;
			return true;
		}
		events_put_aside(event.tid, event.status);
	}
	return false;
}
