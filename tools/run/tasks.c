/* SPDX-License-Identifier: BSD-3-Clause */
/* tasks.c - the threads that are traced, and the address spaces that they share */
#include "run/tasks.h"

#include <stdlib.h>

#include "common/tool.h"
#include "run/proc.h"

#define LISTS 1024

static struct task *table[LISTS];
static size_t count;

static struct task **list_of(pid_t tid)
{
	return &table[(unsigned)tid % LISTS];
}

struct task *tasks_find(pid_t tid)
{
	for (struct task *task = *list_of(tid); task != NULL; task = task->next)
		if (task->tid == tid)
			return task;
	return NULL;
}

struct task *tasks_add(pid_t tid)
{
	struct task *task = tool_alloc(1, sizeof(*task)), **list = list_of(tid);

	task->tid = tid;
	task->next = *list;
	*list = task;
	count++;
	return task;
}

static void leave_space(struct task *task)
{
	if (task->space != NULL && --task->space->users == 0)
		free(task->space);
	task->space = NULL;
}

void tasks_remove(struct task *task)
{
	struct task **link = list_of(task->tid);

	while (*link != task)
		link = &(*link)->next;
	*link = task->next;
	leave_space(task);
	free(task);
	count--;
}

size_t tasks_count(void)
{
	return count;
}

void tasks_each(void (*fn)(struct task *task, void *arg), void *arg)
{
	for (size_t i = 0; i < LISTS; i++)
		for (struct task *task = table[i]; task != NULL; task = task->next)
			fn(task, arg);
}

pid_t tasks_pid(struct task *task)
{
	struct proc proc;

	if (task->pid == 0 && proc_read(task->tid, &proc))
		task->pid = proc.pid;
	return task->pid != 0 ? task->pid : task->tid;
}

void tasks_share_space(struct task *task, struct space *space)
{
	space->users++;
	leave_space(task);
	task->space = space;
}

void tasks_give_space(struct task *task)
{
	tasks_share_space(task, tool_alloc(1, sizeof(struct space)));
}
