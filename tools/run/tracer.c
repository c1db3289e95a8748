/* SPDX-License-Identifier: BSD-3-Clause */
/* tracer.c - trace a program and all that it starts, until the last of them has ended */
#include "run/tracer.h"

#include <signal.h>
#include <sys/wait.h>

#include "run/events.h"
#include "run/signals.h"
#include "run/stand_in.h"
#include "run/start.h"
#include "run/syscalls.h"
#include "run/tasks.h"

#ifndef SYS_SECCOMP
# define SYS_SECCOMP 1 /* si_code of SIGSYS: asm-generic/siginfo.h */
#endif

bool tracer_sees_calls;

/* ---- threads come and go --------------------------------------------------------------------- */

static void resume(struct task *task, int signal)
{
	task->is_in_stop = false;
	/* ESRCH: it was killed. The event of its end comes. */
	ptrace(tracer_sees_calls ? PTRACE_SYSCALL : PTRACE_CONT, task->tid, NULL,
	       (void *)(uintptr_t)signal);
}

/* How many threads wait for their space. */
static unsigned held;

static struct task *know(pid_t tid)
{
	struct task *task = tasks_find(tid);

	return task != NULL ? task : tasks_add(tid);
}

static void release(struct task *task)
{
	if (task->is_held) {
		task->is_held = false;
		held--;
		resume(task, 0);
	}
}

/* A thread has made another one. Its first stop may have been seen before, or not. */
static void on_new(struct task *task, int event)
{
	unsigned long tid = 0;
	struct task *new;

	if (ptrace(PTRACE_GETEVENTMSG, task->tid, NULL, &tid) == 0 && tid != 0) {
		new = know((pid_t)tid);
		/* clone(2) may make an address space too. Sharing one that is another's costs
		 * nothing but time. */
		if (event == PTRACE_EVENT_FORK)
			tasks_give_space(new);
		else
			tasks_share_space(new, task->space);
		release(new);
	}
	resume(task, 0);
}

/* A thread that was killed while it made another one does not tell of it. */
static void adopt(struct task *task, void *arg)
{
	(void)arg;
	if (task->is_held && task->space == NULL) {
		tasks_give_space(task);
		release(task);
	}
}

static void on_end(struct task *task)
{
	held -= task->is_held;
	tasks_remove(task);
	if (held > 0)
		tasks_each(adopt, NULL);
}

/* execve(2): all other threads have ended, and the thread has the id of the process now. */
static void on_exec(struct task *task)
{
	unsigned long former = 0;
	struct task *gone;

	if (ptrace(PTRACE_GETEVENTMSG, task->tid, NULL, &former) == 0 &&
	    (pid_t)former != task->tid) {
		gone = tasks_find((pid_t)former);
		if (gone != NULL) {
			held -= gone->is_held;
			tasks_remove(gone);
		}
	}
	task->pid = task->tid;
	task->has_sigsys = false;
	task->give_up_at = 0;
	held -= task->is_held;
	task->is_held = false;
	tasks_give_space(task);
	start_check_exec(task->tid);
	resume(task, 0);
}

/* ---- signals --------------------------------------------------------------------------------- */

static void kill_process(struct task *task, void *arg)
{
	(void)arg;
	kill(tasks_pid(task), SIGKILL);
}

static void follow(struct task *task, enum answer answer)
{
	switch (answer) {
	case ANSWER_DELIVER:
		resume(task, SIGBUS);
		break;
	case ANSWER_AGAIN:
		resume(task, 0);
		break;
	case ANSWER_STOP:
		tasks_each(kill_process, NULL);
		break;
	case ANSWER_GONE:
		break;
	}
}

/* Whether a SIGSYS is that of a call that the tracer made. */
static bool is_ours(struct task *task, const siginfo_t *info)
{
	bool ours = task->has_sigsys && info->si_code == SYS_SECCOMP;

	if (ours)
		task->has_sigsys = false;
	return ours;
}

static void on_signal(struct task *task, int signal)
{
	siginfo_t info;

	if ((signal == SIGBUS || signal == SIGSYS) &&
	    ptrace(PTRACE_GETSIGINFO, task->tid, NULL, &info) == 0) {
		if (signal == SIGBUS) {
			follow(task, stand_in_answer(task, &info));
			return;
		}
		if (is_ours(task, &info))
			signal = 0;
	}
	resume(task, signal);
}

/* A first stop, a stop of job control, the end of one, or a stop that the tracer asked for. */
static void on_stop(struct task *task, int signal)
{
	if (task->space == NULL) {
		held += !task->is_held;
		task->is_held = true;
		return;
	}
	if (signal == SIGTRAP) {
		resume(task, 0);
		return;
	}
	/* The thread stays stopped, and tells when SIGCONT has come. */
	ptrace(PTRACE_LISTEN, task->tid, NULL, NULL);
	task->is_in_stop = true;
	signals_stop_together(signal);
}

static void on_stopped(struct task *task, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;

	switch (event) {
	case 0:
		if (signal == (SIGTRAP | 0x80)) /* PTRACE_O_TRACESYSGOOD */
			follow(task, syscalls_answer(task));
		else
			on_signal(task, signal);
		break;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		on_new(task, event);
		break;
	case PTRACE_EVENT_EXEC:
		on_exec(task);
		break;
	case PTRACE_EVENT_STOP:
		on_stop(task, signal);
		break;
	default:
		resume(task, 0);
		break;
	}
}

int tracer_run(pid_t program)
{
	struct event event;
	int result = 0;

	tasks_give_space(know(program));
	while (!(tasks_count() == 0 && events_can_end()) && events_next(&event)) {
		if (WIFSTOPPED(event.status)) {
			on_stopped(know(event.tid), event.status);
			continue;
		}
		if (event.tid == program)
			result = event.status;
		if (tasks_find(event.tid) != NULL)
			on_end(tasks_find(event.tid));
	}
	return result;
}
